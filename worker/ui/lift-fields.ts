import { type Lift, singly } from '../../schema/lift.ts';
import { consentNames, consents } from './consents.ts';

/** An option that lifts a refusal, as a checkbox. */
export interface LiftField {
  name: string;
  value: string;
  label: string;
  /** What follows from it. */
  hint: string;
  /** Part of the best way, and accepts no loss or difference, nor gives a login away. */
  advised: boolean;
}

/** The options of the ways, one at a time, as fields of the pages that ask for a report. */
export function liftFields(ways: readonly Lift[]): LiftField[] {
  const key = ({ name, value }: Omit<LiftField, 'advised'>) => `${name} ${value}`;
  const best = singly(ways.slice(0, 1)).flatMap(fieldsOf).map(key);
  return singly(ways)
    .flatMap(fieldsOf)
    .map((field) => ({ ...field, advised: best.includes(key(field)) && !isConsent(field.name) }));
}

/** What only a person may tick. */
const isConsent = (name: string): boolean => name.startsWith('accept_') || name === 'with_registry_auth';

function fieldsOf({ sizing, mode, binds = [], ...others }: Lift): Omit<LiftField, 'advised'>[] {
  return [
    ...binds.map((path) => ({
      ...{ name: 'bind', value: path, label: `Move the data of ${path} too` },
      hint: 'The target lacks this bind mount; it moves like a volume.',
    })),
    ...consentNames.filter((name) => others[name]).map((name) => ({ name, value: 'on', ...consents[name] })),
    ...(sizing ? [{ name: 'sizing', value: sizing, ...sizingWords[sizing] }] : []),
    ...(mode ? [{ name: 'mode', value: mode, ...modeWords[mode] }] : []),
  ];
}

const sizingWords = {
  stack: {
    label: 'Ask for room for this stack alone',
    hint: 'Its own containers and volumes, not what the whole source host uses.',
  },
  host: {
    label: 'Ask for room for what the whole source host uses',
    hint: 'It uses less than was counted for the stack.',
  },
};
const modeWords = {
  'stop-copy': { label: 'Stop, then copy', hint: 'The stack is down while its volumes are copied.' },
  'pre-copy': { label: 'Copy first, then stop', hint: 'Copies while the stack runs.' },
};

import { nameIn, variablesIn } from '../../schema/environment.ts';
import { type Lift, singly } from '../../schema/lift.ts';
import { consentNames, consents } from './consents.ts';
import { variableField } from './variable-fields.ts';

/** An option that lifts a refusal: a checkbox, or a text to be filled in. */
export interface LiftField {
  kind: 'box' | 'text';
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
  const key = ({ kind, name, value }: Omit<LiftField, 'advised'>) => (kind === 'text' ? name : `${name} ${value}`);
  const best = singly(ways.slice(0, 1)).flatMap(fieldsOf).map(key);
  const fields = singly(ways).flatMap(fieldsOf);
  return fields
    .filter((field, at) => fields.findIndex((one) => key(one) === key(field)) === at)
    .map((field) => ({ ...field, advised: best.includes(key(field)) && !isConsent(field.name) }));
}

/** What only a person may tick. */
const isConsent = (name: string): boolean => name.startsWith('accept_') || name === 'with_registry_auth';

function fieldsOf({ sizing, mode, binds = [], env = [], ...others }: Lift): Omit<LiftField, 'advised'>[] {
  return [
    ...env.map((setting) => ({
      ...{
        kind: 'text' as const,
        name: variableField(nameIn(setting)),
        value: variablesIn([setting])[nameIn(setting)] ?? '',
      },
      ...{
        label: `Value of ${nameIn(setting)}`,
        hint: 'As in the shell that started the stack. Kept with it; no secret.',
      },
    })),
    ...boxes({ sizing, mode, binds, ...others }),
  ];
}

function boxes({ sizing, mode, binds = [], ...others }: Omit<Lift, 'env'>): Omit<LiftField, 'advised'>[] {
  return [
    ...binds.map((path) => ({
      ...{ kind: 'box' as const, name: 'bind', value: path, label: `Move the data of ${path} too` },
      hint: 'The target lacks this bind mount; it moves like a volume.',
    })),
    ...consentNames
      .filter((name) => others[name])
      .map((name) => ({ kind: 'box' as const, name, value: 'on', ...consents[name] })),
    ...(sizing ? [{ kind: 'box' as const, name: 'sizing', value: sizing, ...sizingWords[sizing] }] : []),
    ...(mode ? [{ kind: 'box' as const, name: 'mode', value: mode, ...modeWords[mode] }] : []),
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

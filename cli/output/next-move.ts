import { shellWord } from '../../node/shell-word.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { fixFirst, type Lift, waysOut } from '../../schema/lift.ts';
import { hostName } from '../../schema/migration-places.ts';
import { verificationOf } from '../../schema/migration-status.ts';
import { type MoveOptions, moveOptionsOf } from '../../schema/move-options.ts';
import type { Report } from '../../schema/preflight-report.ts';
import { consequencesOf, flagsFor } from '../consents.ts';
import { labelled } from './layout.ts';
import type { Terminal } from './terminal.ts';

/** What was asked for, by the names that it was asked with. */
export interface Asked {
  stack: string;
  to: string;
  from?: string | undefined;
  /** Further flags to repeat, each with its value. */
  flags?: string[];
}

/** The commands that move a refused stack, each on a line of its own, with what their options mean. */
export function nextMove(term: Terminal, asked: Asked, { checks, inputs }: Report): string[] {
  const ways = waysOut(checks);
  const commands = ways.map((way) => commandOf(asked, inputs, way));
  return [
    ...commands.map((command, at) => `${term.paint('bold', at === 0 ? 'Next:' : '  or:')} ${command}`),
    ...consequencesOf(ways).flatMap(([flag, means]) => labelled(term, flag, means, 18)),
  ];
}

/** In one sentence: the options that would move a refused stack, or what has to be fixed first. */
export function wayOutSentence({ checks }: Pick<Report, 'checks'>): string {
  const [best] = waysOut(checks);
  if (best) return `It can’t move as asked; it could with: ${flagsFor(best).map(shellWord).join(' ')}`;
  return fixFirst(checks);
}

/** The command that asks for a migration once more, with its options. */
export function sameAgain(view: MigrationView): string {
  const { mode, sizing, verify, bandwidth_limit } = view;
  const inputs = view.report?.inputs ?? { ...moveOptionsOf({}), mode, sizing };
  const flags = [
    ...(verify === verificationOf(mode) ? [] : ['--verify', verify]),
    ...(bandwidth_limit === null ? [] : ['--bandwidth-limit', `${bandwidth_limit}`]),
  ];
  const [from, to] = [hostName(view, 'source'), hostName(view, 'target')];
  return commandOf({ stack: view.stack.name, to, from, flags }, inputs, {});
}

type Inputs = MoveOptions & Pick<Report['inputs'], 'mode' | 'sizing'>;

function commandOf({ stack, to, from, flags = [] }: Asked, inputs: Inputs, way: Lift): string {
  const { mode, sizing, ...options } = {
    ...inputs,
    ...way,
    binds: [...new Set([...inputs.binds, ...(way.binds ?? [])])],
    env: [...inputs.env, ...(way.env ?? [])],
  };
  const unlessDefault = { ...(mode === 'pre-copy' ? { mode } : {}), ...(sizing === 'stack' ? { sizing } : {}) };
  const chosen = flagsFor({ ...options, ...unlessDefault });
  const source = from === undefined ? [] : ['--from', from];
  return ['stackferry', 'migrate', stack, '--to', to, ...source, ...chosen, ...flags].map(shellWord).join(' ');
}

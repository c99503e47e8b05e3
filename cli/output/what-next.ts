import type { MigrationView } from '../../schema/api/migrations.ts';
import { canRepeat, canRollBack, hostName, isHomeAgain } from '../../schema/migration-places.ts';
import { isTerminal } from '../../schema/migration-status.ts';
import type { Resolution } from '../../schema/saga.ts';
import { pad } from './layout.ts';
import { sameAgain } from './next-move.ts';
import type { Terminal } from './terminal.ts';

const resolutionWords: { [R in Resolution]: string } = {
  source_lost: 'the source is lost for good: start the target',
  target_lost: 'the target is lost for good: start the source',
  give_up: 'end it as it stands, to bring a copy up by hand',
};

/** The applicable commands, each with its effect. */
export function nextCommands(view: MigrationView): [command: string, does: string][] {
  const { id, status, window, superseded_by } = view;
  const source = hostName(view, 'source');
  const target = hostName(view, 'target');
  if (status === 'needs_attention')
    return [
      [`stackferry retry ${id}`, 'try again once the problem is fixed'],
      ...(view.attention?.resolutions ?? []).map(({ resolution }): [string, string] => [
        `stackferry resolve ${id} ${resolution}`,
        resolutionWords[resolution],
      ]),
      [`stackferry show ${id} --watch`, 'follow it'],
    ];
  if (status === 'completed' && window && !window.source_purge?.done_at)
    return [
      ...(canRollBack(view) ? [[`stackferry rollback ${id}`, `back to ${source}`] as [string, string]] : []),
      ...(superseded_by
        ? [[`stackferry show ${superseded_by}`, 'the next migration of the stack'] as [string, string]]
        : []),
      // Where the stack has come back, there is no copy to delete.
      ...(isHomeAgain(view) ? [] : [[`stackferry purge ${id}`, `delete what ${source} keeps`] as [string, string]]),
    ];
  if (status === 'rolled_back' && !window?.target_purge?.done_at)
    return [[`stackferry purge ${id} --target`, `delete what is left on ${target}`]];
  if (status === 'failed' || status === 'cancelled') return canRepeat(view) ? [[sameAgain(view), 'try again']] : [];
  if (isTerminal(status)) return [];
  const cuts = status === 'holding' && view.hold?.changes.length === 0 && !view.hold.cutting_over;
  return [
    ...(cuts ? [[`stackferry cutover ${id}`, `stop it, and start it on ${target}`] as [string, string]] : []),
    [`stackferry show ${id} --watch`, 'follow it'],
    ...(status === 'rolling_back' ? [] : [[`stackferry cancel ${id}`, `stay on ${source}`] as [string, string]]),
  ];
}

export function whatNext(term: Terminal, view: MigrationView): string[] {
  const commands = nextCommands(view);
  if (commands.length === 0) return [];
  const width = Math.max(...commands.map(([command]) => command.length)) + 2;
  const lines = commands.map(([command, does]) => {
    const wide = `  ${pad(command, width)}${does}`;
    return wide.length <= term.columns() ? [wide] : [`  ${command}`, `      ${does}`];
  });
  return ['', term.paint('bold', 'Next'), ...lines.flat()];
}

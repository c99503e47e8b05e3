import type { MigrationView } from '../../schema/api/migrations.ts';
import { leftOutPaths, leftOutWords } from '../../schema/left-out.ts';
import { hostName, isHomeAgain } from '../../schema/migration-places.ts';
import { isTerminal, type Status } from '../../schema/migration-status.ts';
import { ago, bytes, downtimeIfCutOver, duration, forwardingSays, hours, moment } from '../../schema/units.ts';
import { laneLines } from './lanes.ts';
import { labelled, table } from './layout.ts';
import type { Style, Terminal } from './terminal.ts';
import { whatNext } from './what-next.ts';

export function statusStyle(status: Status): Style {
  if (status === 'completed') return 'green';
  if (status === 'failed' || status === 'needs_attention') return 'red';
  return isTerminal(status) ? 'yellow' : 'cyan';
}

/** Formats `host-a -> host-b`. */
export const wayOf = (view: MigrationView) => `${hostName(view, 'source')} -> ${hostName(view, 'target')}`;

/** Formats `guestbook, host-a -> host-b`. */
export const route = (view: MigrationView) => `${view.stack.name}, ${wayOf(view)}`;

/** A migration's state as `show` prints it: head, steps, volumes, failure, what is kept, next commands. */
export function migrationLines(term: Terminal, view: MigrationView): string[] {
  const row = (label: string, text: string) => labelled(term, label, text, 14, 0);
  const since = view.ended_at ? ago(view.ended_at) : `began ${ago(view.created_at)}`;
  const status = `${view.status} (${since})`;
  return [
    ...row('migration', view.id),
    ...row('stack', route(view)),
    ...row('status', status).map((line) =>
      line.replace(view.status, term.paint(statusStyle(view.status), view.status)),
    ),
    ...historyLines(term, view),
    ...row('mode', `${view.mode}, proven by ${view.verify}, room sized by the ${view.sizing}`),
    '',
    ...stepTable(term, view),
    ...(view.progress ? ['', ...laneLines(term, view.progress)] : []),
    ...holdLines(term, view),
    ...forwardingLines(term, view),
    ...nameLines(term, view),
    ...failureLines(term, view),
    ...attentionLines(term, view),
    ...leftOutLines(term, view),
    ...keptLines(term, view),
    ...view.owed.flatMap(({ host_id, what }) => row('owed', `${owingHost(view, host_id)} has yet to ${what}`)),
    ...whatNext(term, view),
  ];
}

const owingHost = (view: MigrationView, id: string) => hostName(view, id === view.source_host_id ? 'source' : 'target');

/** What has become of an ended migration since: another one of its stack, a host that was deleted. */
function historyLines(term: Terminal, view: MigrationView): string[] {
  if (!isTerminal(view.status)) return [];
  const { superseded_by, home, stack } = view;
  const row = (label: string, text: string) => labelled(term, label, text, 14, 0);
  const deleted = (['source', 'target'] as const).filter((side) => view[`${side}_host`]?.deleted_at);
  return [
    ...(superseded_by
      ? row('since then', `${stack.name} has a later migration${home ? `, and is now on ${home.name}` : ''}`)
      : []),
    ...deleted.flatMap((side) =>
      row('deleted', `${hostName(view, side)} left the fleet; what it held can no longer be seen or changed from here`),
    ),
  ];
}

function stepTable(term: Terminal, { steps }: MigrationView): string[] {
  const rows = steps.map(({ name, status, started_at, ended_at }) => {
    const took = started_at ? duration((ended_at ? Date.parse(ended_at) : Date.now()) - Date.parse(started_at)) : '';
    const style: Style =
      status === 'failed' ? 'red' : status === 'done' ? 'green' : status === 'running' ? 'cyan' : 'dim';
    return [name, term.paint(style, status), status === 'failed' ? '' : took];
  });
  return table(term, ['STEP', 'STATE', 'TOOK'], rows);
}

function holdLines(term: Terminal, { status, hold }: MigrationView): string[] {
  if (!hold || status !== 'holding') return [];
  const row = (label: string, text: string) => labelled(term, label, text, 14, 0);
  const { last_pass, cut_over_at, changes } = hold;
  const at = cut_over_at === null ? 'when you say so' : `at ${moment(cut_over_at)}`;
  return [
    '',
    ...(last_pass
      ? [
          ...row('latest pass', `${bytes(last_pass.bytes)} in ${last_pass.seconds} s, ${ago(last_pass.ended_at)}`),
          ...row('', downtimeIfCutOver(last_pass)),
        ]
      : row('latest pass', 'under way')),
    ...row('cut over', hold.cutting_over ? 'now, after one more pass' : at),
    ...changes.flatMap((change) => row('changed', change)),
    ...(changes.length > 0
      ? row('', 'It cannot be cut over like this: undo the change, or cancel and start again.')
      : []),
  ];
}

function forwardingLines(term: Terminal, { forwarding, status }: MigrationView): string[] {
  if (!forwarding) return [];
  const { phase, ports, ends_at } = forwarding;
  const until = phase === 'forwarding' && ends_at ? `, until ${moment(ends_at)}` : '';
  const numbers = ports.length === 0 ? '' : ` (ports ${ports.map(({ port }) => port).join(', ')})`;
  return ['', ...labelled(term, 'connections', `${forwardingSays(phase, status)}${until}${numbers}`, 14, 0)];
}

function nameLines(term: Terminal, { names }: MigrationView): string[] {
  const lines = names.flatMap(({ name, records }) =>
    records.length === 0 ? [`${name}: unchanged so far`] : records.map(({ says }) => says),
  );
  return lines.length === 0 ? [] : ['', ...lines.flatMap((line) => labelled(term, 'name', line, 14, 0))];
}

/** None for a cancellation: it was asked for. */
function failureLines(term: Terminal, { failure, rollback, cancel_requested }: MigrationView): string[] {
  const failed = failure ? (cancel_requested ? null : failure) : rollback?.failure;
  if (!failed) return [];
  const where = failure ? failure.step : 'rollback';
  const { container_log: said } = failed;
  const quoted = (line: string) => `  ${term.paint('dim', `| ${line}`)}`;
  return [
    '',
    ...labelled(term, term.paint('red', 'failed'), `${failed.message} (${where}, ${failed.code})`, 14, 0),
    ...(said ? [`  The last lines of ${said.service}:`, ...said.lines.map(quoted)] : []),
    ...(said && failed.log_tail.length > 0 ? ["  The agent's log:"] : []),
    ...failed.log_tail.map(quoted),
  ];
}

function attentionLines(term: Terminal, { attention }: MigrationView): string[] {
  if (!attention) return [];
  const row = (label: string, text: string) => labelled(term, label, text, 14, 0);
  return [
    '',
    ...row('why', attention.why),
    ...row('the source', attention.source),
    ...row('the target', attention.target),
    ...row('to do', attention.todo),
  ];
}

function leftOutLines(term: Terminal, { left_out }: MigrationView): string[] {
  const said = left_out.map((one) => {
    const words = leftOutWords(one);
    return words === null ? `by ${one.pattern}: nothing` : `by ${one.pattern}: ${words}: ${leftOutPaths(one)}`;
  });
  return said.length === 0 ? [] : ['', ...said.flatMap((text) => labelled(term, 'left out', text, 14, 0))];
}

function keptLines(term: Terminal, view: MigrationView): string[] {
  const { window, rollback } = view;
  if (!window) return [];
  const row = (label: string, text: string) => labelled(term, label, text, 14, 0);
  const back = view.status === 'rolled_back';
  const purge = back ? window.target_purge : window.source_purge;
  return [
    '',
    ...row(back ? 'target copy' : 'source copy', purge?.done_at ? gone(purge) : kept(view, window)),
    ...(window.copy_running ? row('', term.paint('red', 'Somebody started the kept copy: two copies run.')) : []),
    ...(back && rollback && !purge?.done_at
      ? row('left behind', `changes of ${hours(rollback.hours_left_behind)}`)
      : []),
    ...(purge?.done_at ? [] : (purge?.remaining ?? [])).flatMap(({ what, why }) => row('remains', `${what}: ${why}`)),
    ...(purge?.left_out ?? []).flatMap((path) => row('stays', `${path}, with only what was left out`)),
  ];
}

function gone({ done_at, host_deleted }: NonNullable<NonNullable<MigrationView['window']>['source_purge']>): string {
  return host_deleted ? 'left on its host, which was deleted from the fleet' : `deleted ${ago(done_at)}`;
}

function kept(view: MigrationView, window: NonNullable<MigrationView['window']>): string {
  const { status } = view;
  if (status === 'completed' && isHomeAgain(view)) return 'the stack itself, which has come back';
  if (status === 'rolled_back') return 'kept until you purge it';
  const left = Date.parse(window.ends_at) - Date.now();
  if (left <= 0) return 'kept until you purge it; the safety window has closed';
  if (!window.open) return 'kept';
  return `kept; can be rolled back for ${duration(left)}, until ${moment(window.ends_at)}`;
}

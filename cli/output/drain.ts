import { shellWord } from '../../node/shell-word.ts';
import type { DrainPlanView, DrainView } from '../../schema/api/drains.ts';
import type { DrainStatus } from '../../schema/drain.ts';
import { ago, bytes, count } from '../../schema/units.ts';
import { flagsFor } from '../consents.ts';
import { labelled, prose, table } from './layout.ts';
import { inCommands } from './report.ts';
import type { Style, Terminal } from './terminal.ts';

type DrainedStack = DrainView['stacks'][number];

export function drainStyle(status: DrainStatus): Style {
  if (status === 'completed') return 'green';
  return status === 'failed' ? 'red' : status === 'running' ? 'cyan' : 'yellow';
}

const stackStyles: { [S in DrainedStack['status']]: Style } = {
  waiting: 'dim',
  starting: 'cyan',
  moving: 'cyan',
  moved: 'green',
  stayed: 'red',
  gone: 'dim',
};

/** Destination of each stack, the numbers behind it, and why a stack cannot move. */
export function planLines(term: Terminal, { host, stacks, left, movable, unmovable }: DrainPlanView): string[] {
  const rows = stacks.map(({ stack, target, fit }) => [
    stack.name,
    target ? target.name : term.paint('red', 'stays'),
    fit ? `${bytes(fit.memory_needed_bytes)} of ${bytes(fit.memory_free_bytes)}` : '',
    fit ? `${bytes(fit.disk_needed_bytes)} of ${bytes(fit.disk_free_bytes)}` : '',
  ]);
  const reasons = stacks.flatMap(({ stack, obstacle }) => (obstacle ? [{ stack, obstacle }] : []));
  return [
    ...table(term, ['STACK', 'GOES TO', 'MEMORY', 'DISK'], rows),
    ...reasonLines(term, reasons),
    ...(left.length > 0 ? ['', ...prose(term, `Staying, as asked: ${left.map(({ name }) => name).join(', ')}.`)] : []),
    '',
    unmovable === 0
      ? term.paint(
          'green',
          movable === 0 ? 'Nothing to move.' : `All ${count(movable, 'stack')} of ${host.name} can be moved.`,
        )
      : term.paint('yellow', `${movable} of ${movable + unmovable} stacks of ${host.name} can be moved.`),
  ];
}

/** A drain's state: head, stacks, what stayed and why, next commands. */
export function drainLines(term: Terminal, view: DrainView): string[] {
  const row = (label: string, text: string) => labelled(term, label, text, 14, 0);
  const since = view.ended_at ? ago(view.ended_at) : `began ${ago(view.created_at)}`;
  const rows = view.stacks.map(({ stack, status, target, migration_id }) => [
    stack.name,
    term.paint(stackStyles[status], status),
    target?.name ?? '',
    migration_id ?? '',
  ]);
  const stayed = view.stacks.filter(({ status }) => status === 'stayed');
  return [
    ...row('drain', view.id),
    ...row('host', view.host.name),
    ...row('status', `${term.paint(drainStyle(view.status), view.status)} (${since})`),
    ...row('stacks', summaryOf(view)),
    '',
    ...table(term, ['STACK', 'STATE', 'TO', 'MIGRATION'], rows),
    ...reasonLines(term, stayed),
    ...nextLines(term, view),
  ];
}

/** Formats `3 moved, 1 moving, 2 waiting`. */
export function summaryOf({ summary }: DrainView): string {
  const some = Object.entries(summary).filter(([, count]) => count > 0);
  return some.map(([what, count]) => `${count} ${what}`).join(', ') || 'none';
}

/** Line about a stack that entered a new state. */
export function stackLine(term: Terminal, { stack, status, target, obstacle }: DrainedStack): string {
  const to = target && status !== 'waiting' && status !== 'stayed' ? ` to ${target.name}` : '';
  const why = status === 'stayed' && obstacle ? `: ${inCommands(obstacle.message)} (${obstacle.code})` : '';
  return `${stack.name} ${term.paint(stackStyles[status], status)}${to}${why}`;
}

function reasonLines(term: Terminal, stacks: Pick<DrainedStack, 'stack' | 'obstacle'>[]): string[] {
  if (stacks.length === 0) return [];
  const width = Math.max(...stacks.map(({ stack }) => stack.name.length)) + 2;
  return [
    '',
    term.paint('bold', 'What stays, and why'),
    ...stacks.flatMap(({ stack, obstacle }) => [
      ...labelled(term, stack.name, obstacle ? `${inCommands(obstacle.message)} (${obstacle.code})` : '', width),
      ...(obstacle?.lifted_by ?? []).flatMap((way) =>
        labelled(term, '', `It could move with options of its own: ${flagsFor(way).map(shellWord).join(' ')}`, width),
      ),
    ]),
  ];
}

function nextLines(term: Terminal, { id, host, status, ended_at }: DrainView): string[] {
  const next =
    ended_at !== null
      ? [`The host stays cordoned. Reopen it: stackferry uncordon ${host.name}`]
      : status === 'paused'
        ? [`Go on: stackferry drains resume ${id}`]
        : [`Follow it: stackferry drains show ${id} --watch`, `Pause it: stackferry drains pause ${id}`];
  return ['', ...next.map((line) => term.paint('dim', line))];
}

import type { DrainStatus } from '../../schema/drain.ts';
import type { DrainPlanView, DrainView } from '../../schema/drain-api.ts';
import { ago, bytes } from '../../schema/units.ts';
import { labelled, table } from './layout.ts';
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

/** Where each stack would go, by which numbers, and why one cannot. */
export function planLines(term: Terminal, { host, stacks, movable, unmovable }: DrainPlanView): string[] {
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
    '',
    unmovable === 0
      ? term.paint('green', `All ${movable} stacks of ${host.name} can be moved.`)
      : term.paint('yellow', `${movable} of ${movable + unmovable} stacks of ${host.name} can be moved.`),
  ];
}

/** A drain as it is: head, stacks, what stayed and why, what to do next. */
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

/** `3 moved, 1 moving, 2 waiting` */
export function summaryOf({ summary }: DrainView): string {
  const some = Object.entries(summary).filter(([, count]) => count > 0);
  return some.map(([what, count]) => `${count} ${what}`).join(', ') || 'none';
}

/** One stack of a drain that came to a new state. */
export function stackLine(term: Terminal, { stack, status, target, obstacle }: DrainedStack): string {
  const to = target && status !== 'waiting' && status !== 'stayed' ? ` to ${target.name}` : '';
  const why = status === 'stayed' && obstacle ? `: ${obstacle.message} (${obstacle.code})` : '';
  return `${stack.name} ${term.paint(stackStyles[status], status)}${to}${why}`;
}

function reasonLines(term: Terminal, stacks: Pick<DrainedStack, 'stack' | 'obstacle'>[]): string[] {
  if (stacks.length === 0) return [];
  const width = Math.max(...stacks.map(({ stack }) => stack.name.length)) + 2;
  return [
    '',
    term.paint('bold', 'What stays, and why'),
    ...stacks.flatMap(({ stack, obstacle }) =>
      labelled(term, stack.name, obstacle ? `${obstacle.message} (${obstacle.code})` : '', width),
    ),
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

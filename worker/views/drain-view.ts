import type { DrainPlanView, DrainView } from '../../schema/api/drains.ts';
import type { Obstacle } from '../../schema/drain.ts';
import { moveOptionsOf } from '../../schema/move-options.ts';
import type { Survey } from '../objects/host-drain/plan-drain.ts';
import type { DrainRow } from '../saga/drain/ports.ts';
import { size } from '../saga/preflight/verdicts.ts';
import { time, timeOrNull } from '../time.ts';

type Names = ReadonlyMap<string, string>;
const namedBy = (names: Names) => (id: string) => ({ id, name: names.get(id) ?? id });

export function viewDrain(row: DrainRow, names: Names): DrainView {
  const { target, mode, max_parallel, stacks } = row.run;
  const named = namedBy(names);
  const count = (...statuses: string[]) => stacks.filter(({ status }) => statuses.includes(status)).length;
  return {
    id: row.id,
    host: named(row.host_id),
    status: row.status,
    target_host_id: target,
    mode,
    ...moveOptionsOf(row.run),
    per_stack: row.run.per_stack ?? {},
    pack: row.run.pack ?? false,
    max_parallel,
    summary: {
      waiting: count('waiting'),
      moving: count('starting', 'moving'),
      moved: count('moved'),
      stayed: count('stayed'),
      gone: count('gone'),
    },
    stacks: stacks.map(({ id, name, status, since, target, fit, migration_id, obstacle }) => ({
      stack: { id, name },
      status,
      since: time(since),
      target: target === null ? null : named(target),
      fit,
      migration_id,
      obstacle: obstacle && viewObstacle(obstacle),
    })),
    created_at: time(row.created_at),
    updated_at: time(row.updated_at),
    ended_at: timeOrNull(row.ended_at),
  };
}

/** `left`: the stacks that stay as asked. */
export function viewPlan(
  host: string,
  { targets, stacks }: Survey,
  left: DrainPlanView['left'],
  names: Names,
  now: number,
): DrainPlanView {
  const named = namedBy(names);
  const planned = stacks.map(({ id, name, choice }) => viewChoice({ id, name }, choice, named));
  const movable = planned.filter(({ target }) => target !== null).length;
  return {
    host: named(host),
    targets: targets.map(({ row: { id, name }, room }) => ({
      id,
      name,
      online: room !== null,
      memory_free_bytes: room && Math.max(0, room.memory_bytes),
      disk_free_bytes: room && Math.max(0, room.disk_bytes),
    })),
    stacks: planned,
    left,
    movable,
    unmovable: planned.length - movable,
    made_at: time(now),
  };
}

function viewChoice(
  stack: { id: string; name: string },
  choice: Survey['stacks'][number]['choice'],
  named: ReturnType<typeof namedBy>,
): DrainPlanView['stacks'][number] {
  if (choice.kind !== 'target') {
    const obstacle = choice.kind === 'gone' ? gone : choice.obstacle;
    return { stack, target: null, fit: null, why: obstacle.message, obstacle: viewObstacle(obstacle) };
  }
  const { fit } = choice;
  const target = named(choice.target);
  const why =
    `"${target.name}" has the room: memory ${size(fit.memory_needed_bytes)} of ${size(fit.memory_free_bytes)} free, ` +
    `disk ${size(fit.disk_needed_bytes)} of ${size(fit.disk_free_bytes)} free, with the margins and what is planned before.`;
  return { stack, target, fit, why, obstacle: null };
}

const viewObstacle = ({ code, message, lifted_by = [] }: Obstacle) => ({ code, message, lifted_by });

const gone = { code: 'stack_not_found', message: 'Its host no longer reports it.' };

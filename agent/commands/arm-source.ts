import { StackferryError } from '../../schema/errors.ts';
import { idsOf, runs } from './container-states.ts';
import type { CommandHandler } from './context.ts';
import { untilSeenRunning } from './seen-running.ts';

/**
 * The migration is rolled back: the stack lives here again. Recorded first, so that a lapse no longer stops it. Answered only
 * when what ran before has been seen running.
 */
export const armSource: CommandHandler<'arm_source'> = async ({ deployment }, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  await ledger.amend(migrationId, (entry) => {
    Object.assign(entry, { revived: false, retained: false, stopped: null, lease: null });
  });
  await lease.release(migrationId);
  const entry = ledger.find(migrationId);
  if (!entry) throw new StackferryError('stack_not_found', 'This host has no record of that migration.');
  const recorded = entry.prior ?? [];
  const whole = (await engine.inspectContainers(idsOf(recorded))).length === recorded.length;
  const ids = whole ? idsOf(recorded) : entry.created.containers;
  if (whole) await engine.restore(recorded, signal);
  else await engine.arm(deployment, ids, signal);
  const expected = whole ? recorded.filter(({ running }) => running) : await engine.inspectContainers(ids);
  await untilSeenRunning(
    expected.filter(({ service }) => !deployment.one_shots.includes(service)),
    context,
  );
  return { running: idsOf((await engine.inspectContainers(ids)).filter(runs)) };
};

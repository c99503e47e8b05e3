import { StackferryError } from '../../schema/errors.ts';
import { idsOf, runs } from './container-states.ts';
import type { CommandHandler } from './context.ts';
import { expectedOfMove } from './expectations.ts';
import { untilSeenRunning } from './seen-running.ts';

/**
 * The migration is completed: this is the stack's home. Recorded first, so that a lease which lapses in this very
 * moment no longer stops anything; what an earlier lapse, or a rollback that failed, stopped is started again. Answered only
 * when every service has been seen running.
 */
export const armTarget: CommandHandler<'arm_target'> = async ({ deployment }, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  const entry = ledger.find(migrationId);
  if (!entry?.deployed)
    throw new StackferryError('command_failed', 'This migration has deployed nothing on this host.');
  await ledger.amend(migrationId, (draft) => {
    Object.assign(draft, { armed: true, started: true, halted: false, lease: null });
    Object.assign(draft, { prior: null, stopped: null, killed: [] });
  });
  await lease.release(migrationId);
  await engine.arm(deployment, entry.created.containers, signal);
  const containers = await engine.inspectContainers(entry.created.containers);
  const expected = expectedOfMove(deployment);
  await untilSeenRunning(
    containers.filter(({ service }) => ['well', 'running'].includes(expected.get(service) ?? 'well')),
    context,
  );
  return { running: idsOf((await engine.inspectContainers(entry.created.containers)).filter(runs)) };
};

import { StackferryError } from '../../schema/errors.ts';
import { idsOf, runs } from './container-states.ts';
import type { CommandHandler } from './context.ts';
import { forgetImages } from './put-back.ts';
import { recordedHere } from './recorded-here.ts';
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
  const recorded = await recordedHere(deployment.project, entry.prior ?? [], deployment, context, signal);
  await engine.restore(recorded, signal, deployment);
  const steady = recorded.filter(({ running, state }) => running && state !== 'paused' && state !== 'restarting');
  await untilSeenRunning(
    steady.filter(({ service }) => !deployment.one_shots.includes(service)),
    context,
  );
  await forgetImages(context);
  return { running: idsOf((await engine.inspectContainers(idsOf(recorded))).filter(runs)) };
};

import { StackferryError } from '../../../schema/errors.ts';
import { become } from '../../tenancy.ts';
import type { CommandHandler } from '../runner/context.ts';
import { idsOf, runs } from './container-states.ts';
import { forgetImages } from './put-back.ts';
import { recordedHere } from './recorded-here.ts';
import { untilSeenRunning } from './seen-running.ts';

/**
 * Makes the source the stack's home again after a rollback. The lease is released first, for the reason in
 * `arm-target.ts`. Returns only once everything that ran before has been seen running.
 */
export const armSource: CommandHandler<'arm_source'> = async ({ deployment }, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  await lease.release(migrationId);
  await ledger.amend(migrationId, (entry) => {
    become(entry, 'parked');
    entry.stopped = null;
  });
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
  await ledger.amend(migrationId, (draft) => {
    draft.prior = null;
  });
  return { running: idsOf((await engine.inspectContainers(idsOf(recorded))).filter(runs)) };
};

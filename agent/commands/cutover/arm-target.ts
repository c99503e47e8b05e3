import type { Deployment } from '../../../schema/deployment.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { become } from '../../tenancy.ts';
import type { CommandContext, CommandHandler } from '../runner/context.ts';
import { idsOf, runs } from './container-states.ts';
import { createRecorded } from './created-stack.ts';
import { expectedOfMove } from './expectations.ts';
import { untilSeenRunning } from './seen-running.ts';
import { assertVolumesHere } from './volumes-here.ts';

/**
 * Makes the target the stack's home: the migration is completed. The lease is released first, which waits for the stop
 * of a lapsed one: if this agent were killed, that stop would go on in the engine and end what is started here. Starts
 * whatever an earlier lapse or failed rollback stopped, and recreates what a prune removed. Returns only once every
 * service has been seen running.
 */
export const armTarget: CommandHandler<'arm_target'> = async ({ deployment }, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  const entry = ledger.find(migrationId);
  if (!entry?.deployed)
    throw new StackferryError('command_failed', 'This migration has deployed nothing on this host.');
  await lease.release(migrationId);
  await ledger.amend(migrationId, (draft) => {
    become(draft, 'home');
    Object.assign(draft, { started: true, prior: null, stopped: null, killed: [] });
  });
  const ids = await recreateMissing(deployment, context);
  await engine.arm(deployment, ids, signal);
  const containers = await engine.inspectContainers(ids);
  const expected = expectedOfMove(deployment);
  await untilSeenRunning(
    containers.filter(({ service }) => ['well', 'running'].includes(expected.get(service) ?? 'anything')),
    context,
  );
  return { running: idsOf((await engine.inspectContainers(ids)).filter(runs)) };
};

/** Returns the recorded containers. If some are gone, recreates the stack from its files. */
async function recreateMissing(deployment: Deployment, context: CommandContext): Promise<string[]> {
  const { engine, ledger, migrationId, signal } = context;
  const recorded = ledger.find(migrationId)?.created.containers ?? [];
  await assertVolumesHere(context);
  const there = idsOf(await engine.inspectContainers(recorded));
  if (there.length === recorded.length) return recorded;
  await ledger.amend(migrationId, ({ created }) => {
    created.containers = there;
  });
  await createRecorded(
    { migration_id: migrationId, project: deployment.project, role: 'target' },
    deployment,
    context,
    signal,
  );
  return ledger.find(migrationId)?.created.containers ?? [];
}

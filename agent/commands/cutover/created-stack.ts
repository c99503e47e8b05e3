import type { Deployment } from '../../../schema/deployment.ts';
import type { CreatedObjects } from '../../engine/engine.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import { senderOf } from '../carry/sender.ts';
import type { CommandContext } from '../runner/context.ts';
import { assertRecordedVolumes, assertVolumesHere } from './volumes-here.ts';

/**
 * Creates the stack's containers and networks without starting any, and records each as soon as it is known. On a
 * target, checks the containers against this host's policy, and checks the volumes once more: a prune spares volumes
 * that a container uses, so from here on they are safe.
 */
export async function createRecorded(
  key: Pick<LedgerEntry, 'migration_id' | 'project' | 'role'>,
  deployment: Deployment,
  context: CommandContext,
  signal: AbortSignal,
): Promise<void> {
  const { engine, ledger } = context;
  const record = async (made: Partial<CreatedObjects>) => {
    await ledger.update(key, (entry) => addCreated(entry, made));
  };
  assertRecordedVolumes(deployment, ledger.find(key.migration_id));
  await engine.createStack(deployment, key.migration_id, record, signal);
  if (key.role === 'target') await Promise.all([assertMadeAllowed(deployment, context), assertVolumesHere(context)]);
}

/** Throws `policy_refused` if this host's policy refuses the containers that were created on it. */
export async function assertMadeAllowed(
  deployment: Deployment,
  { engine, ledger, migrationId }: CommandContext,
): Promise<void> {
  const entry = ledger.find(migrationId);
  const made = entry?.created.containers ?? [];
  await engine.assertCreatedAllowed?.(deployment, senderOf(entry, deployment.project), made);
}

/** Merges new ids into the record. A cleanup touches only recorded ids. */
export function addCreated({ created }: LedgerEntry, made: Partial<CreatedObjects>): void {
  for (const kind of ['containers', 'networks', 'volumes', 'paths'] as const) {
    created[kind] = [...new Set([...created[kind], ...(made[kind] ?? [])])];
  }
}

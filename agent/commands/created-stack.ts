import type { Deployment } from '../../schema/agent-protocol.ts';
import type { CreatedObjects } from '../engine/engine.ts';
import type { LedgerEntry } from '../migration-ledger.ts';
import type { CommandContext } from './context.ts';

/**
 * Makes the stack's containers and networks, starts none, and records each as it becomes known. On a target they are
 * judged by this host's policy.
 */
export async function createRecorded(
  key: Pick<LedgerEntry, 'migration_id' | 'project' | 'role'>,
  deployment: Deployment,
  { engine, ledger }: CommandContext,
  signal: AbortSignal,
): Promise<void> {
  const record = async (made: Partial<CreatedObjects>) => {
    await ledger.update(key, (entry) => addCreated(entry, made));
  };
  await engine.createStack(deployment, key.migration_id, record, signal);
  const made = ledger.find(key.migration_id)?.created.containers ?? [];
  if (key.role === 'target') await engine.assertCreatedAllowed?.(deployment, made);
}

/** Adds what is new; the ids are the only things that a clean-up may touch. */
export function addCreated({ created }: LedgerEntry, made: Partial<CreatedObjects>): void {
  for (const kind of ['containers', 'networks', 'volumes', 'paths'] as const) {
    created[kind] = [...new Set([...created[kind], ...(made[kind] ?? [])])];
  }
}

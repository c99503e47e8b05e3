import type { ExternalNetwork } from '../../../schema/commands/parts.ts';
import { StackferryError } from '../../../schema/errors.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import type { CommandContext } from '../runner/context.ts';

/** Makes an external network that the pre-flight found absent, recorded first. One that has come since is used as it is. */
export async function makeNetwork(
  key: Pick<LedgerEntry, 'migration_id' | 'project' | 'role'>,
  spec: ExternalNetwork,
  { engine, ledger, migrationId }: CommandContext,
): Promise<void> {
  if (!engine.createNetwork) throw new StackferryError('command_failed', 'This engine makes no networks.');
  await ledger.update(key, (entry) => {
    if (!entry.networks.includes(spec.name)) entry.networks.push(spec.name);
  });
  if (await engine.createNetwork(spec, migrationId)) return;
  await ledger.update(key, (entry) => {
    entry.networks = entry.networks.filter((name) => name !== spec.name);
  });
}

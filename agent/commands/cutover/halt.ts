import type { ContainerPrior } from '../../../schema/commands/parts.ts';
import type { CommandResult } from '../../../schema/commands.ts';
import { StackferryError } from '../../../schema/errors.ts';
import type { ContainerState } from '../../engine/engine.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import { become } from '../../tenancy.ts';
import type { CommandContext } from '../runner/context.ts';
import { idsOf, runs, untilNoneRuns } from './container-states.ts';
import { assertNoneBeside, besideStack } from './data-users.ts';
import { recordRest } from './rest.ts';

/**
 * Records, disarms, stops, then checks, in this order: if it is interrupted, the containers' prior state is on disk,
 * and a reboot after the stop starts nothing. On a source, nothing is stopped while another container uses the data. On
 * a target, one-off runs of the stack are stopped too.
 */
export async function haltStack(
  key: Pick<LedgerEntry, 'migration_id' | 'project' | 'role'>,
  context: CommandContext,
): Promise<CommandResult<'stop_stack'>> {
  const { engine, ledger, migrationId, signal, log } = context;
  const found = await engine.containers(key.project);
  const known = ledger.find(key.migration_id);
  if (known && key.role === 'source') await assertNoneBeside(known, engine, 'Nothing was stopped.');

  // Best effort: an image that is not kept can still be pulled.
  const images = await engine.keepImages?.(idsOf(found), migrationId).catch((error) => {
    log.warn('the images could not be protected from a prune', { error });
  });
  let entry = await ledger.update(key, (draft) => {
    // A repeat finds the containers already disarmed, so only the first record counts.
    draft.prior ??= found.map((container) => priorOf(container, images?.get(container.id) ?? null));
    if (key.role === 'target') become(draft, 'retained');
  });
  const prior = entry.prior ?? [];
  if (prior.length === 0 && key.role === 'source')
    throw new StackferryError('stack_not_found', `No containers of the stack "${key.project}" are on this host.`);

  await engine.disarm(idsOf(found));
  const oneOffs = async () => (await besideStack(entry, engine)).filter(({ of_stack }) => of_stack);
  const killed = await engine.stop(idsOf([...found, ...(await oneOffs())].filter(runs)), signal);
  await untilNoneRuns(async () => [...(await engine.containers(key.project)), ...(await oneOffs())], signal);

  entry = await ledger.update(key, (draft) => {
    draft.killed = [...new Set([...draft.killed, ...killed])];
  });
  await recordRest(key.migration_id, context);
  if (entry.killed.length > 0) log.warn('containers were killed at their stop timeout', { killed: entry.killed });
  return { prior, killed: entry.killed };
}

function priorOf(container: ContainerState, image: ContainerPrior['image']): ContainerPrior {
  const { id, name, service, restart_policy, state, health } = container;
  return { id, name, service, running: runs(container), restart_policy, state, health, image };
}

import type { CommandResult, ContainerPrior } from '../../schema/agent-protocol.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { ContainerState } from '../engine/engine.ts';
import type { LedgerEntry } from '../migration-ledger.ts';
import { idsOf, runs, untilNoneRuns } from './container-states.ts';
import type { CommandContext } from './context.ts';
import { assertNoneBeside, besideStack } from './data-users.ts';

/**
 * Record, disarm, stop, look: in this order, so that whenever this is cut off, what the containers were like before is
 * on disk, and a reboot after the stop starts nothing. On a source nothing is stopped while anything else uses the data; on
 * a target one-off runs of the stack are stopped with it.
 */
export async function haltStack(
  key: Pick<LedgerEntry, 'migration_id' | 'project' | 'role'>,
  context: CommandContext,
): Promise<CommandResult<'stop_stack'>> {
  const { engine, ledger, migrationId, signal, log } = context;
  const found = await engine.containers(key.project);
  const known = ledger.find(key.migration_id);
  if (known && key.role === 'source') await assertNoneBeside(known, engine, 'Nothing was stopped.');

  // Best effort: what is not kept can still be pulled.
  const images = await engine.keepImages?.(idsOf(found), migrationId).catch((error) => {
    log.warn('the images could not be kept from a prune', { error });
  });
  let entry = await ledger.update(key, (draft) => {
    // A re-run finds the containers disarmed already: only the first look counts.
    draft.prior ??= found.map((container) => priorOf(container, images?.get(container.id) ?? null));
    if (key.role === 'target') Object.assign(draft, { halted: true, armed: false });
  });
  const prior = entry.prior ?? [];
  if (prior.length === 0)
    throw new StackferryError('stack_not_found', `No containers of the stack "${key.project}" are on this host.`);

  await engine.disarm(idsOf(found));
  const oneOffs = async () => (await besideStack(entry, engine)).filter(({ of_stack }) => of_stack);
  const killed = await engine.stop(idsOf([...found, ...(await oneOffs())].filter(runs)), signal);
  await untilNoneRuns(async () => [...(await engine.containers(key.project)), ...(await oneOffs())], signal);

  const stoppedAtMs = Date.now();
  const stopped = [...(await engine.containers(key.project)), ...(await besideStack(entry, engine))];
  entry = await ledger.update(key, (draft) => {
    draft.killed = [...new Set([...draft.killed, ...killed])];
    draft.stopped = Object.fromEntries(stopped.map(({ id, started_at }) => [id, started_at]));
    if (engine.startedSince) draft.stopped_at_ms = stoppedAtMs;
  });
  if (entry.killed.length > 0) log.warn('containers were killed at their stop timeout', { killed: entry.killed });
  return { prior, killed: entry.killed };
}

function priorOf(container: ContainerState, image: ContainerPrior['image']): ContainerPrior {
  const { id, name, service, restart_policy, state, health } = container;
  return { id, name, service, running: runs(container), restart_policy, state, health, image };
}

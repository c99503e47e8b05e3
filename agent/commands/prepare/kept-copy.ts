import { StackferryError } from '../../../schema/errors.ts';
import { byAge, leasedContainers, tenancyOf } from '../../tenancy.ts';
import { runs } from '../cutover/container-states.ts';
import type { CommandContext } from '../runner/context.ts';

/**
 * Throws `stack_not_found` if all that this host has of the stack is the copy that the stack left behind, stopped: a control
 * plane restored to an earlier moment takes it for the stack, which runs elsewhere. A copy that somebody started is theirs
 * to move.
 */
export async function assertNotKeptCopy(
  project: string,
  { engine, ledger, migrationId }: Pick<CommandContext, 'engine' | 'ledger' | 'migrationId'>,
): Promise<void> {
  // A later move to this host that failed has left nothing here.
  const others = ledger
    .all()
    .filter((entry) => entry.project === project && entry.migration_id !== migrationId && tenancyOf(entry) !== 'none');
  const newest = others.toSorted(byAge).at(-1);
  if (!newest || tenancyOf(newest) !== 'retained') return;
  const kept = new Set([...leasedContainers(newest), ...(newest.prior ?? []).map(({ id }) => id)]);
  const containers = await engine.containers(project);
  if (containers.some(runs) || !containers.some(({ id }) => kept.has(id))) return;
  throw new StackferryError(
    'stack_not_found',
    `By this host's record the stack left it with migration ${newest.migration_id}: only its stopped copy is here. Was the control plane's database restored to an earlier moment? If it is this copy that is to live on, start it first.`,
  );
}

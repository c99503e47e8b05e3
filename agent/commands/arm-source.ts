import { leasedContainers } from '../migration-ledger.ts';
import type { CommandHandler } from './context.ts';

/** The migration is rolled back: the stack lives here again. Recorded first, so that a lapse no longer stops it. */
export const armSource: CommandHandler<'arm_source'> = async ({ deployment }, context) => {
  const { engine, ledger, lease, migrationId, signal } = context;
  await ledger.amend(migrationId, (entry) => {
    Object.assign(entry, { revived: false, retained: false, stopped: null, lease: null });
  });
  await lease.release(migrationId);
  const entry = ledger.find(migrationId);
  const recorded = entry?.prior ?? [];
  const there = await engine.inspectContainers(recorded.map(({ id }) => id));
  if (there.length === recorded.length) await engine.restore(recorded, signal);
  else if (entry) await engine.arm(deployment, leasedContainers(entry), signal);
  return {};
};

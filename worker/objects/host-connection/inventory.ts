import type { Leftover } from '../../../schema/agent-protocol.ts';
import { stackName } from '../../../schema/api/common.ts';
import type { StackSummary } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import { migrationsOf } from '../../durable-objects.ts';
import type { Env } from '../../env.ts';
import { confirmedLeftovers } from '../../saga/inventory/leftovers.ts';
import { copiesSeen, type Move, settling } from '../../saga/inventory/placement.ts';
import { standingOf } from '../../saga/inventory/standing.ts';
import {
  type InventoryChanges,
  keepersOf,
  latestMovesOf,
  stacksAt,
  writeInventory,
} from '../../store/inventory-store.ts';
import type { StackRow } from '../../store/stacks.ts';

export interface Inventory {
  stacks: StackSummary[];
  leftovers: Leftover[];
}

export interface Applied {
  /** Stopped copies that are no stacks although no migration of this host accounts for them. */
  leftovers: Leftover[];
  /** The same inventory would change nothing more: no migration on this host is under way, owes a clean-up, or has just ended. */
  settled: boolean;
}

/** Updates the stacks of a host from its agent's inventory, and reports kept copies that run. */
export async function applyInventory(
  env: Env,
  hostId: string,
  { stacks: reported, leftovers: claims }: Inventory,
  now: number,
): Promise<Applied> {
  const [rows, moves] = await Promise.all([stacksAt(env.DB, hostId), latestMovesOf(env.DB, hostId)]);
  const known = new Set(moves.map(({ stack_name }) => stack_name));
  const unknown = claims
    .filter(({ project }) => !known.has(project) && stackName.safeParse(project).success)
    .slice(0, limits.control.stacksPerHostMax);
  const { keepers, deletedHosts } = await keepersOf(
    env.DB,
    unknown.map(({ migration_id }) => migration_id),
  );
  const leftovers = confirmedLeftovers(unknown, reported, keepers, deletedHosts);
  const left = new Set(leftovers.map(({ project }) => project));
  const stacks = reported.filter(({ project }) => !left.has(project));
  await writeInventory(env.DB, hostId, inventoryChanges(stacks, rows, moves, now), now);
  for (const { id, stack_id, running } of copiesSeen(reported, moves, now))
    await migrationsOf(env, stack_id).copySeen(id, running);
  return { leftovers, settled: !moves.some((move) => move.cleanup_owed || settling(move, now)) };
}

/**
 * Computes what to write. Pure. `rows` are the stacks whose home is this host, `moves` its newest migration of each
 * project.
 */
export function inventoryChanges(
  reported: StackSummary[],
  rows: StackRow[],
  moves: Move[],
  now: number,
): InventoryChanges {
  const moveOf = new Map(moves.map((move) => [move.stack_name, move]));
  const rowOf = new Map(rows.map((row) => [row.name, row]));
  const seen = new Map(
    reported
      .slice(0, limits.control.stacksPerHostMax)
      .filter((summary) => stackName.safeParse(summary.project).success && !tooLong(summary))
      .map((summary) => [summary.project, summary]),
  );
  const changes: InventoryChanges = { added: [], seen: [], gone: [] };
  for (const [project, summary] of seen) {
    if (standingOf(moveOf.get(project) ?? null) === 'copy') continue;
    const row = rowOf.get(project);
    if (!row) changes.added.push(summary);
    else if (row.gone_at !== null || !same(row.summary, summary)) changes.seen.push({ id: row.id, summary });
  }
  for (const row of rows)
    if (row.gone_at === null && !seen.has(row.name) && !settling(moveOf.get(row.name), now)) changes.gone.push(row.id);
  return changes;
}

const tooLong = (summary: StackSummary) => JSON.stringify(summary).length > limits.control.stackSummaryCharsMax;
const same = (a: StackSummary, b: StackSummary) => JSON.stringify(a) === JSON.stringify(b);

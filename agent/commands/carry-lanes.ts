import type { LaneProof } from '../../schema/agent-protocol.ts';
import type { Manifest } from '../engine/engine.ts';
import type { LedgerEntry } from '../migration-ledger.ts';
import type { CommandContext } from './context.ts';
import { createLaneProgress } from './lane-progress.ts';

export interface Lane {
  lane: string;
  /** Bytes expected, null where nobody measured. */
  total: number | null;
  /** Carries the lane's tar; resolves to the digest of what passed. */
  carry(onProgress: (bytesDone: number) => void): Promise<{ bytes: number; sha256: string }>;
  /** Reads back what now lies on this side's disk. */
  manifest(): Promise<Manifest>;
}

/**
 * Carries lanes one after another, the same on both sides. What passed is recorded at once, before the manifest is
 * made: a side that restarts must not wait at the relay for a peer that is done with that lane.
 */
export async function carryLanes(
  key: Pick<LedgerEntry, 'migration_id' | 'project' | 'role'>,
  lanes: Lane[],
  context: CommandContext,
): Promise<LaneProof[]> {
  const { ledger, signal, log } = context;
  const progress = createLaneProgress(
    context.progress,
    lanes.map(({ lane, total }) => ({ lane, bytes_total: total })),
  );
  for (const { lane, carry } of lanes) {
    signal.throwIfAborted();
    let passed = ledger.find(key.migration_id)?.lanes[lane];
    if (!passed) {
      log.info(`lane ${lane}: carrying`);
      const { bytes, sha256 } = await carry((bytesDone) => progress.at(lane, bytesDone));
      passed = { bytes, sha256, manifest: null };
      await record(key, lane, passed, context);
      log.info(`lane ${lane}: carried`, { bytes });
    }
    progress.done(lane, passed.bytes);
  }

  const proofs: LaneProof[] = [];
  for (const { lane, manifest } of lanes) {
    signal.throwIfAborted();
    const passed = ledger.find(key.migration_id)?.lanes[lane];
    if (!passed) continue;
    const { sha256, entries } = await manifest();
    await record(key, lane, { ...passed, manifest: { sha256, entries } }, context);
    proofs.push({ lane, bytes: passed.bytes, sha256: passed.sha256, manifest_sha256: sha256, entries });
  }
  return proofs;
}

async function record(
  key: Pick<LedgerEntry, 'migration_id' | 'project' | 'role'>,
  lane: string,
  transfer: LedgerEntry['lanes'][string],
  { ledger }: CommandContext,
): Promise<void> {
  await ledger.update(key, (entry) => {
    entry.lanes[lane] = transfer;
  });
}

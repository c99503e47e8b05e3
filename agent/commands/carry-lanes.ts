import type { LaneProof, Passage } from '../../schema/agent-protocol.ts';
import type { Manifest } from '../engine/engine.ts';
import type { LedgerEntry } from '../migration-ledger.ts';
import type { CommandContext } from './context.ts';
import { createLaneProgress } from './lane-progress.ts';

export interface Lane {
  lane: string;
  /** Bytes expected, null where nobody measured. */
  total: number | null;
  /** Carries what the lane is for; resolves to the digest of what passed. */
  carry(onProgress: (bytesDone: number) => void): Promise<{ bytes: number; sha256: string }>;
}

export interface ProvenLane extends Lane {
  /** Reads back what now lies on this side's disk. */
  manifest(): Promise<Manifest>;
}

type Key = Pick<LedgerEntry, 'migration_id' | 'project' | 'role'>;

/**
 * Carries lanes one after another, the same on both sides. What passed is recorded at once, before anything is made of
 * it: a side that restarts must not wait at the relay for a peer that is done with that lane.
 */
export async function carryLanes(key: Key, lanes: Lane[], context: CommandContext): Promise<Passage[]> {
  const { ledger, signal, log } = context;
  const progress = createLaneProgress(
    context.progress,
    lanes.map(({ lane, total }) => ({ lane, bytes_total: total })),
  );
  const passages: Passage[] = [];
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
    passages.push({ lane, bytes: passed.bytes, sha256: passed.sha256 });
  }
  return passages;
}

/** Carries lanes, then reads back what lies on this side's disk. */
export async function carryProvenLanes(key: Key, lanes: ProvenLane[], context: CommandContext): Promise<LaneProof[]> {
  const passages = await carryLanes(key, lanes, context);
  const proofs: LaneProof[] = [];
  for (const [index, passage] of passages.entries()) {
    context.signal.throwIfAborted();
    const { sha256, entries } = await lanes[index]!.manifest();
    const { lane, ...passed } = passage;
    await record(key, lane, { ...passed, manifest: { sha256, entries } }, context);
    proofs.push({ ...passage, manifest_sha256: sha256, entries });
  }
  return proofs;
}

async function record(
  key: Key,
  lane: string,
  transfer: LedgerEntry['lanes'][string],
  { ledger }: CommandContext,
): Promise<void> {
  await ledger.update(key, (entry) => {
    entry.lanes[lane] = transfer;
  });
}

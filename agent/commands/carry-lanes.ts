import type { LaneProof, Passage } from '../../schema/agent-protocol.ts';
import { eachOf } from '../../schema/each-of.ts';
import { limits } from '../../schema/limits.ts';
import type { Manifest } from '../engine/engine.ts';
import type { LedgerEntry } from '../migration-ledger.ts';
import type { LaneEnd } from '../transfer/lanes.ts';
import type { CommandContext } from './context.ts';
import { createLaneProgress } from './lane-progress.ts';

export interface Lane {
  lane: string;
  /** Bytes expected, null where nobody measured. */
  total: number | null;
  /** Carries what the lane is for over this end; resolves to the digest of what passed. */
  carry(end: LaneEnd): Promise<{ bytes: number; sha256: string }>;
}

export interface ProvenLane extends Lane {
  /** Reads back what now lies on this side's disk. */
  manifest(): Promise<Manifest>;
}

interface Passing {
  project: string;
  role: LedgerEntry['role'];
  /** The other host. */
  peer: string;
}

/**
 * Carries lanes, some at a time, in an order that is the same on both sides. What passed is recorded at once, before
 * anything is made of it: a side that restarts must not wait at the relay for a peer that is done with that lane.
 */
export function carryLanes(passing: Passing, lanes: Lane[], context: CommandContext): Promise<Passage[]> {
  return eachLane(lanes, context, (lane, carried) => carried(passing, lane));
}

/**
 * Carries lanes, and reads back of each what lies on this side's disk, while others are still under way. What a source has
 * does not change, so it is read while it is sent.
 */
export function carryProvenLanes(passing: Passing, lanes: ProvenLane[], context: CommandContext): Promise<LaneProof[]> {
  return eachLane(lanes, context, async (lane, carried) => {
    const early = passing.role === 'source' ? lane.manifest() : null;
    early?.catch(() => {});
    const passage = await carried(passing, lane).catch(async (error) => {
      await early?.catch(() => null);
      throw error;
    });
    context.signal.throwIfAborted();
    const { sha256, entries } = await (early ?? lane.manifest());
    const { lane: name, ...passed } = passage;
    await record(passing, name, { ...passed, manifest: { sha256, entries } }, context);
    return { ...passage, manifest_sha256: sha256, entries };
  });
}

type Carried = (passing: Passing, lane: Lane) => Promise<Passage>;

/** The first failure ends the others too; it is thrown once they have ended. */
function eachLane<L extends Lane, R>(
  lanes: L[],
  context: CommandContext,
  work: (lane: L, carried: Carried) => Promise<R>,
): Promise<R[]> {
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);
  const progress = createLaneProgress(
    context.progress,
    lanes.map(({ lane, total }) => ({ lane, bytes_total: total })),
  );
  const carried: Carried = async (passing, { lane, carry }) => {
    const { ledger, log, migrationId } = context;
    let passed = ledger.find(migrationId)?.lanes[lane];
    if (!passed) {
      log.info(`lane ${lane}: carrying`);
      const onProgress = (bytesDone: number) => progress.at(lane, bytesDone);
      const { bytes, sha256 } = await carry({ migrationId, peer: passing.peer, lane, onProgress, signal });
      passed = { bytes, sha256, manifest: null };
      await record(passing, lane, passed, context);
      log.info(`lane ${lane}: carried`, { bytes });
    }
    progress.done(lane, passed.bytes);
    return { lane, bytes: passed.bytes, sha256: passed.sha256 };
  };
  // A lane may need its helper again only after minutes: it waits its turn, or the agent reads large files itself.
  const letGo = context.engine.hold?.(context.migrationId);
  return eachOf(lanes, limits.agent.lanesAtOnceMax, async (lane) => {
    signal.throwIfAborted();
    return work(lane, carried).catch((error) => {
      failed.abort(error);
      throw error;
    });
  }).finally(letGo);
}

async function record(
  { project, role }: Passing,
  lane: string,
  transfer: LedgerEntry['lanes'][string],
  { ledger, migrationId }: CommandContext,
): Promise<void> {
  await ledger.update({ migration_id: migrationId, project, role }, (entry) => {
    entry.lanes[lane] = transfer;
  });
}

import type { LaneProof, Passage } from '../../../schema/commands/parts.ts';
import type { ContentDigestName } from '../../../schema/content-digest.ts';
import { eachOf } from '../../../schema/each-of.ts';
import { limits } from '../../../schema/limits.ts';
import type { Manifest } from '../../engine/engine.ts';
import type { Tree } from '../../engine/tree.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import type { LaneEnd } from '../../transfer/lanes.ts';
import type { ItemProof, VerifiedEarlier } from '../../transfer/tar-ports.ts';
import type { CommandContext } from '../runner/context.ts';
import { createLaneProgress } from './lane-progress.ts';
import { namedBy } from './sender.ts';

export interface Lane {
  lane: string;
  /** Expected bytes, null if not measured. */
  total: number | null;
  /** Transfers the lane's content over this end; resolves to the digest of what passed. */
  carry(end: LaneEnd): Promise<ItemProof>;
}

export interface ProvenLane extends Lane {
  /** What is read back from this side's disk. */
  tree: Tree;
  /** The manifest includes the contents of files, by that digest. */
  contents: ContentDigestName | null;
}

interface Passing {
  project: string;
  role: LedgerEntry['role'];
  peer: string;
}

/**
 * Transfers lanes, several at a time, in the same order on both sides. Each result is recorded before the peer hears of
 * it: a side that restarts must not wait at the relay for a peer that has finished that lane.
 */
export function carryLanes(passing: Passing, lanes: Lane[], context: CommandContext): Promise<Passage[]> {
  return eachLane(lanes, context, (lane, carried) => carried(passing, lane));
}

/**
 * Transfers lanes and reads each one's manifest back from this side's disk while other lanes are still in transfer. A
 * source's data does not change, so it is read during the transfer; a target's is, while it is being synced.
 */
export function carryProvenLanes(passing: Passing, lanes: ProvenLane[], context: CommandContext): Promise<LaneProof[]> {
  return eachLane(lanes, context, async (lane, carried) => {
    const { tree, contents } = lane;
    const reading = createReading(
      (signal) => context.engine.manifest(tree, context.migrationId, contents, signal),
      context.signal,
    );
    if (passing.role === 'source') reading.begin();
    const passage = await carried(passing, { ...lane, carry: (end) => lane.carry(readBackEarly(end, reading)) }).catch(
      async (error) => {
        await reading.drop();
        throw error;
      },
    );
    context.signal.throwIfAborted();
    const { sha256, entries } = await reading.begin();
    const { lane: name, ...passed } = passage;
    const sent_by = senderOfLane(name, context);
    const proven = { ...passed, unconfirmed_stream: null, manifest: { sha256, entries, contents }, sent_by };
    await record(passing, name, proven, context);
    return { ...passage, manifest_sha256: sha256, entries };
  });
}

type Reading = ReturnType<typeof createReading>;

/** A reading that begins at most once, until it has failed, as with its helper, or is dropped. */
function createReading(read: (signal: AbortSignal) => Promise<Manifest>, until: AbortSignal) {
  let begun: { stop: AbortController; manifest: Promise<Manifest> } | null = null;
  return {
    begin(): Promise<Manifest> {
      if (begun) return begun.manifest;
      const stop = new AbortController();
      const manifest = read(AbortSignal.any([until, stop.signal]));
      const own = { stop, manifest };
      begun = own;
      manifest.catch(() => {
        if (begun === own) begun = null;
      });
      return manifest;
    },
    /** Waits for its end: what it reads may be about to go. */
    async drop(): Promise<void> {
      begun?.stop.abort();
      await begun?.manifest.catch(() => {});
      begun = null;
    },
  };
}

const readBackEarly = (end: LaneEnd, reading: Reading): LaneEnd => ({
  ...end,
  onUnpacked: reading.begin,
  record: async (passed) => {
    if (passed === null) await reading.drop();
    await end.record(passed);
  },
});

type Carried = (passing: Passing, lane: Lane) => Promise<Passage>;

/** The first failure aborts the other lanes, and is thrown once they have ended. */
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
  const transfer = async (passing: Passing, { lane, carry }: Lane, earlier: VerifiedEarlier | null) => {
    const { log, migrationId } = context;
    const sender = namedBy(passing, senderOfLane(lane, context));
    log.info(`lane ${lane}: carrying`);
    const { bytes, sha256 } = await carry({
      migrationId,
      peer: passing.peer,
      project: passing.project,
      lane,
      onProgress: (bytesDone) => progress.at(lane, bytesDone),
      earlier,
      onNamed: sender.named,
      record: (passed) => record(passing, lane, passed && { ...passed, manifest: null, sent_by: sender.of() }, context),
      signal,
    });
    const confirmed = { bytes, sha256, unconfirmed_stream: null, manifest: null, sent_by: sender.of() };
    // A source has recorded it in this form.
    if (passing.role === 'target') await record(passing, lane, confirmed, context);
    log.info(`lane ${lane}: carried`, { bytes });
    return confirmed;
  };
  const carried: Carried = async (passing, lane) => {
    const recorded = context.ledger.find(context.migrationId)?.lanes[lane.lane];
    const stream = recorded?.unconfirmed_stream ?? null;
    const passed =
      recorded && stream === null
        ? recorded
        : await transfer(passing, lane, recorded && stream !== null ? { proof: recorded, stream } : null);
    progress.done(lane.lane, passed.bytes);
    return { lane: lane.lane, bytes: passed.bytes, sha256: passed.sha256 };
  };
  // A lane may not need its helper for minutes, either waiting its turn or while the agent reads large files itself.
  const release = context.engine.hold?.(context.migrationId);
  return eachOf(lanes, limits.agent.lanesAtOnceMax, async (lane) => {
    signal.throwIfAborted();
    return work(lane, carried).catch((error) => {
      failed.abort(error);
      throw error;
    });
  }).finally(release);
}

const senderOfLane = (lane: string, { ledger, migrationId }: CommandContext) =>
  ledger.find(migrationId)?.lanes[lane]?.sent_by ?? null;

async function record(
  { project, role }: Passing,
  lane: string,
  transfer: LedgerEntry['lanes'][string] | null,
  { ledger, migrationId }: CommandContext,
): Promise<void> {
  await ledger.update({ migration_id: migrationId, project, role }, (entry) => {
    if (transfer) entry.lanes[lane] = transfer;
    else delete entry.lanes[lane];
  });
}

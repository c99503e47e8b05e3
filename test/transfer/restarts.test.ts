import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TransferEvent } from '../../agent/transfer/reconnect.ts';
import { AgentEnds } from '../../agent/transfer/rejection.ts';
import type { ItemProof, PassedItem, VerifiedEarlier } from '../../agent/transfer/tar-ports.ts';
import { collectingSink, digestOf, type LaneRig, startLaneRig, tarLike, tarOf } from './lane-rig.ts';

/**
 * Agents that are killed around the moment at which an item has passed. What they recorded is all that their next start
 * knows; the other side is not restarted, and may have finished the item.
 */
const mib = 1_048_576;
let rig: LaneRig;
beforeEach(async () => {
  rig = await startLaneRig();
});
afterEach(() => rig.close());

type Moment = 'before' | 'after';

/** A side of the lane whose process is killed once, around its `number`th record. */
function mortal(kill: { number: number; moment: Moment } | null) {
  let life = new AbortController();
  let records = 0;
  const side = {
    recorded: null as PassedItem | null,
    deaths: 0,
    record: async (passed: PassedItem | null) => {
      records += 1;
      const dies = kill && records === kill.number;
      if (!dies || kill.moment === 'after') side.recorded = passed;
      if (!dies) return;
      side.deaths += 1;
      life.abort(new AgentEnds());
      await new Promise(() => {});
    },
    /** Runs it as the command does: again after a death, and not at all once it is recorded for good. */
    run: async (work: (signal: AbortSignal) => Promise<ItemProof>): Promise<ItemProof> => {
      for (;;) {
        if (side.recorded?.unconfirmed_stream === null) return side.recorded;
        try {
          return await work(life.signal);
        } catch (error) {
          if (!life.signal.aborted) throw error;
          life = new AbortController();
        }
      }
    },
  };
  return side;
}

const earlierOf = (recorded: PassedItem | null): VerifiedEarlier | null =>
  recorded && { proof: proofOf(recorded), stream: recorded.unconfirmed_stream! };
const proofOf = ({ bytes, sha256 }: PassedItem): ItemProof => ({ bytes, sha256 });

const bounds = { verifiedWaitMsMax: 2_000, reconnectDelayMsMax: 50, reconnectMsMax: 8_000, dialMsMax: 4_000 };

async function carried(killed: { side: 'source' | 'target'; number: number; moment: Moment }) {
  const bytes = tarLike(3 * mib);
  const sides = { source: mortal(null), target: mortal(null), [killed.side]: mortal(killed) };
  const source = tarOf(bytes);
  const sink = collectingSink();
  const sent = sides.source.run((signal) => rig.send(source, { signal, bounds, record: sides.source.record }));
  const { target } = sides;
  const received = target.run(async (signal) => {
    if (!target.recorded) await sink.reset();
    return rig.receive(sink, { signal, bounds, record: target.record, earlier: earlierOf(target.recorded) });
  });
  const proofs = await Promise.all([sent, received]);
  expect(sides[killed.side].deaths).toBe(1);
  for (const proof of proofs) expect(proof).toMatchObject({ bytes: bytes.length, sha256: digestOf(bytes) });
  expect(sink.bytes().equals(bytes)).toBe(true);
  return { source };
}

describe('an agent that is killed as an item passes', () => {
  test('F12 as the source, before it has recorded it: the item goes once more', async () => {
    const { source } = await carried({ side: 'source', number: 1, moment: 'before' });
    expect(source.opens).toBe(2);
  });

  test('F12 as the source, after it has recorded it: the target waits for it no longer than its bound', async () => {
    const { source } = await carried({ side: 'source', number: 1, moment: 'after' });
    expect(source.opens).toBe(1);
  });

  test('F13 as the target, before it has recorded it: the item goes once more', async () => {
    const { source } = await carried({ side: 'target', number: 1, moment: 'before' });
    expect(source.opens).toBe(2);
  });

  test('F13 as the target, after it has recorded it: the source gets the proof from its next start', async () => {
    const { source } = await carried({ side: 'target', number: 1, moment: 'after' });
    expect(source.opens).toBe(1);
  });
});

describe('a target that has verified an item', () => {
  test('F12 voids its record before it empties the destination for a source that begins again', async () => {
    const bytes = tarLike(mib);
    const log: string[] = [];
    const sink = collectingSink();
    const reset = sink.reset;
    sink.reset = () => {
      log.push('reset');
      return reset();
    };
    const earlier = { proof: { bytes: 1, sha256: 'ab' }, stream: 'of a source that died' };
    const record = async (passed: PassedItem | null) => void log.push(passed ? 'recorded' : 'void');
    const [sent, received] = await Promise.all([rig.send(tarOf(bytes)), rig.receive(sink, { earlier, record })]);
    expect(received).toEqual(sent);
    expect(log).toEqual(['void', 'reset', 'recorded']);
  });

  test('F12 waits for a source that was never told as long as for one in mid-transfer', async () => {
    const bytes = tarLike(mib);
    const dying = new AbortController();
    let back = (_: Promise<ItemProof>) => {};
    const again = new Promise<ItemProof>((resolve) => {
      back = resolve;
    });
    const noticed = Promise.withResolvers<void>();
    const wait = { ...bounds, verifiedWaitMsMax: 200 };
    const sink = collectingSink({
      // The source dies while the target syncs, and takes longer to return than one that was told may.
      exit: async () => {
        if (dying.signal.aborted) return;
        dying.abort(new AgentEnds());
        await noticed.promise;
        setTimeout(() => back(rig.send(tarOf(bytes))), 5 * wait.verifiedWaitMsMax);
      },
    });
    const died = expect(rig.send(tarOf(bytes), { signal: dying.signal })).rejects.toMatchObject({ code: 'cancelled' });
    const observe = ({ kind }: TransferEvent) => void (kind === 'interrupted' && noticed.resolve());
    const [received, sent] = await Promise.all([rig.receive(sink, { bounds: wait, observe }), again, died]);
    expect(sent).toEqual(received);
    expect(sink.resets).toBe(1);
  });

  test('F12 as it records one stream gives no proof of it for the next', async () => {
    const dying = new AbortController();
    const [first, second] = [tarLike(mib), tarLike(8 * mib)];
    let cuts = 0;
    // The next one reconnects, and is greeted again.
    const sink = collectingSink({
      onWrite: () => {
        if (sink.resets === 1 && ++cuts === 1) rig.tap.cut();
      },
    });
    const began = Promise.withResolvers<void>();
    const reset = sink.reset;
    sink.reset = async () => {
      await reset();
      began.resolve();
    };
    const sent = rig.send(tarOf(first), { signal: dying.signal }).catch(() => rig.send(tarOf(second)));
    const record = async (passed: PassedItem | null) => {
      if (passed?.sha256 !== digestOf(first)) return;
      dying.abort(new AgentEnds());
      await began.promise;
    };
    const received = await rig.receive(sink, { record });
    expect(received).toEqual({ bytes: second.length, sha256: digestOf(second) });
    expect(await sent).toEqual(received);
    expect(sink.bytes().equals(second)).toBe(true);
  });

  test('F13 that its source has finished is waited for no longer than the bound', async () => {
    const earlier = { proof: { bytes: 1, sha256: 'ab' }, stream: 'of a source that has finished' };
    const sink = collectingSink();
    const received = await rig.receive(sink, { earlier, bounds: { ...bounds, reconnectMsMax: 300 } });
    expect(received).toEqual({ bytes: 1, sha256: 'ab' });
    expect([sink.opens, sink.resets]).toEqual([0, 0]);
  });

  test('F13 tells nobody before it is recorded: if that fails, the item fails on both sides', async () => {
    const full = () => Promise.reject(new Error('no space left for the record'));
    const [sent, received] = await Promise.allSettled([
      rig.send(tarOf(tarLike(mib))),
      rig.receive(collectingSink(), { record: full }),
    ]);
    expect(sent).toMatchObject({ status: 'rejected', reason: { message: /no space left for the record/ } });
    expect(received).toMatchObject({ status: 'rejected', reason: { message: /no space left for the record/ } });
  });

  test('F13 keeps it if its source could not record it, and fails', async () => {
    const full = () => Promise.reject(new Error('no space left for the record'));
    const [sent, received] = await Promise.allSettled([
      rig.send(tarOf(tarLike(mib)), { record: full }),
      rig.receive(collectingSink()),
    ]);
    expect(sent).toMatchObject({ status: 'rejected', reason: { message: /no space left for the record/ } });
    expect(received).toMatchObject({ status: 'fulfilled' });
  });
});

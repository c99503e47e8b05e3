import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TransferEvent } from '../../agent/transfer/reconnect.ts';
import { AgentEnds } from '../../agent/transfer/rejection.ts';
import { collectingSink, digestOf, type LaneRig, startLaneRig, tarLike, tarOf } from './lane-rig.ts';

const mib = 1_048_576;
let rig: LaneRig;
beforeEach(async () => {
  rig = await startLaneRig();
});
afterEach(() => rig.close());

/** Cuts every connection each time another `everyBytes` went towards the relay, `timesMax` times. */
function cutOften(everyBytes: number, timesMax: number) {
  let cuts = 0;
  let next = everyBytes;
  rig.tap.onBytes = (total) => {
    if (total < next || cuts === timesMax) return;
    cuts += 1;
    next = total + everyBytes;
    rig.tap.cut();
  };
  return () => cuts;
}

const count = (events: TransferEvent[], kind: TransferEvent['kind']) =>
  events.filter((event) => event.kind === kind).length;

describe('a connection that breaks', () => {
  test('F14 the relay connection is cut ten times in mid-chunk: the stream resumes, nothing starts from zero', async () => {
    const bytes = tarLike(64 * mib);
    const sink = collectingSink();
    const source = tarOf(bytes);
    const cuts = cutOften(8.3 * mib, 10);
    const events: TransferEvent[] = [];
    const [sent, received] = await Promise.all([
      rig.send(source, { observe: (event) => events.push(event) }),
      rig.receive(sink),
    ]);
    expect(cuts()).toBe(10);
    expect(received).toEqual(sent);
    expect(sink.bytes().equals(bytes)).toBe(true);
    expect([source.opens, sink.opens, sink.resets]).toEqual([1, 1, 0]);
    expect(count(events, 'restarted')).toBe(0);
    // A cut costs what was under way (write-ahead, the sockets' buffers on four hops), not what came before it.
    const resent = rig.tap.bytes() - bytes.length;
    expect(resent / cuts()).toBeLessThan(8.3 * mib);
    expect(resent).toBeGreaterThan(0);
  });

  test('F14 the relay restarts in mid-chunk: the stream resumes at the new one', async () => {
    const bytes = tarLike(24 * mib);
    const sink = collectingSink();
    let restarted: Promise<void> | null = null;
    rig.tap.onBytes = (total) => {
      if (total > 7.5 * mib) restarted ??= rig.restartRelay();
    };
    const [sent] = await Promise.all([rig.send(tarOf(bytes)), rig.receive(sink)]);
    await restarted;
    expect(restarted).not.toBeNull();
    expect(sent.sha256).toBe(digestOf(bytes));
    expect(sink.bytes().equals(bytes)).toBe(true);
    expect([sink.opens, sink.resets]).toEqual([1, 0]);
  });

  test('F15 no relay comes back: both sides give up after their bound, as interrupted', async () => {
    const bytes = tarLike(24 * mib);
    rig.tap.onBytes = (total) => {
      if (total > 5 * mib) void rig.tap.close();
    };
    const bounds = { reconnectMsMax: 400, reconnectDelayMsMax: 50 };
    const [sent, received] = await Promise.allSettled([
      rig.send(tarOf(bytes), { bounds }),
      rig.receive(collectingSink(), { bounds }),
    ]);
    expect(sent).toMatchObject({ status: 'rejected', reason: { code: 'transfer_interrupted' } });
    expect(received).toMatchObject({ status: 'rejected', reason: { code: 'transfer_interrupted' } });
  });

  test('a VERIFIED that was lost with the connection is said again, and both sides hold the same proof', async () => {
    const bytes = tarLike(2 * mib);
    const sink = collectingSink({
      // Cut while the target syncs: END has come, VERIFIED is still owed.
      exit: async () => rig.tap.cut(),
    });
    const events: TransferEvent[] = [];
    const [sent, received] = await Promise.all([
      rig.send(tarOf(bytes), { observe: (event) => events.push(event) }),
      rig.receive(sink),
    ]);
    expect(count(events, 'interrupted')).toBe(1);
    expect(received).toEqual(sent);
    expect([sink.opens, sink.resets]).toEqual([1, 0]);
  });

  test('a source that never comes back after VERIFIED does not keep the target for ever', async () => {
    const bytes = tarLike(mib);
    const abort = new AbortController();
    const sink = collectingSink({
      exit: async () => {
        rig.tap.cut();
        abort.abort();
      },
    });
    const bounds = { verifiedWaitMsMax: 300, reconnectDelayMsMax: 50, dialMsMax: 200 };
    const [sent, received] = await Promise.allSettled([
      rig.send(tarOf(bytes), { signal: abort.signal }),
      rig.receive(sink, { bounds }),
    ]);
    expect(sent).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
    expect(received).toEqual({ status: 'fulfilled', value: { bytes: bytes.length, sha256: digestOf(bytes) } });
  });

  test('F13 a restarted target agent gets the item from its beginning, into an empty destination', async () => {
    const bytes = tarLike(64 * mib);
    const first = new AbortController();
    const source = tarOf(bytes);
    const sending = rig.send(source);
    // The first target dies without a word: its connection is cut before it can say REJECTED.
    const dying = rig.receive(collectingSink(), {
      signal: first.signal,
      onProgress: (count) => {
        if (count < 40 * mib || first.signal.aborted) return;
        rig.tap.cut();
        first.abort();
      },
    });
    await expect(dying).rejects.toMatchObject({ code: 'cancelled' });
    const sink = collectingSink();
    const [sent] = await Promise.all([sending, rig.receive(sink)]);
    expect(sent.sha256).toBe(digestOf(bytes));
    expect(sink.bytes().equals(bytes)).toBe(true);
    expect(source.opens).toBe(2);
  });
});

describe('packers and unpackers that fail', () => {
  test('F20 a tar whose packer exits with 2 is never accepted, and both sides say why', async () => {
    const bytes = tarLike(3 * mib);
    const packer = Promise.withResolvers<void>();
    packer.promise.catch(() => {});
    const source = tarOf(bytes, { finished: () => packer.promise });
    // Once the target is unpacking, so that there is a connection to say it over.
    const sink = collectingSink({ onWrite: () => packer.reject(new Error('tar exited with 2')) });
    const [sent, received] = await Promise.allSettled([rig.send(source), rig.receive(sink)]);
    expect(sent).toMatchObject({ status: 'rejected', reason: { code: 'pack_failed', message: /tar exited with 2/ } });
    expect(received).toMatchObject({
      status: 'rejected',
      reason: { code: 'pack_failed', message: /tar exited with 2/ },
    });
  });

  test('F20 a packer that exits 0 while its tar does not end is not waited for without bound', async () => {
    const { Readable } = await import('node:stream');
    const source = { open: async () => ({ stream: new Readable({ read() {} }), finished: Promise.resolve() }) };
    const bounds = { packerExitMsMax: 200 };
    const [sent, received] = await Promise.allSettled([rig.send(source, { bounds }), rig.receive(collectingSink())]);
    expect(sent).toMatchObject({ status: 'rejected', reason: { code: 'pack_failed' } });
    expect(received).toMatchObject({ status: 'rejected' });
  });

  test('a packer that cannot start fails the item at once, also at the target', async () => {
    const source = { open: () => Promise.reject(new Error('no such volume')) };
    const [sent, received] = await Promise.allSettled([
      rig.send(source),
      rig.receive(collectingSink(), { bounds: { reconnectMsMax: 300, dialMsMax: 300 } }),
    ]);
    expect(sent).toMatchObject({ status: 'rejected', reason: { code: 'pack_failed', message: /no such volume/ } });
    expect(received).toMatchObject({ status: 'rejected' });
  });

  test('F21 an unpacker that fails in the middle, as on a full disk, ends the item on both sides', async () => {
    const sink = collectingSink({
      onWrite: (total) => (total > 3 * mib ? Promise.reject(new Error('No space left on device')) : undefined),
    });
    const [sent, received] = await Promise.allSettled([rig.send(tarOf(tarLike(12 * mib))), rig.receive(sink)]);
    expect(received).toMatchObject({ status: 'rejected', reason: { code: 'unpack_failed', message: /No space left/ } });
    expect(sent).toMatchObject({ status: 'rejected', reason: { code: 'unpack_failed', message: /No space left/ } });
  });

  test('F23 nothing is verified when the sync after the unpacking fails', async () => {
    const sink = collectingSink({ exit: () => Promise.reject(new Error('sync failed')) });
    const [sent, received] = await Promise.allSettled([rig.send(tarOf(tarLike(mib))), rig.receive(sink)]);
    expect(sent).toMatchObject({ status: 'rejected', reason: { message: /sync failed/ } });
    expect(received).toMatchObject({ status: 'rejected', reason: { message: /sync failed/ } });
  });

  test.each([
    ['in the padding', 10_240 + 5 * mib, true],
    ['before the end mark', 5 * mib, false],
  ])(
    'an unpacker that exits 0 and stops reading %s is taken at its word only about padding',
    async (_where, zeros, accepted) => {
      const { Writable } = await import('node:stream');
      const data = tarLike(2 * mib);
      const bytes = Buffer.concat([data, accepted ? Buffer.alloc(zeros) : tarLike(zeros)]);
      let exit = () => {};
      const finished = new Promise<void>((resolve) => {
        exit = resolve;
      });
      let total = 0;
      // Takes what is before the padding, then exits and never takes another byte.
      const stream = new Writable({
        write: (piece: Buffer, _encoding, done) => {
          total += piece.length;
          if (total < data.length) done();
          else exit();
        },
      });
      const sink = { open: async () => ({ stream, finished }), reset: async () => {} };
      const [sent, received] = await Promise.allSettled([rig.send(tarOf(bytes)), rig.receive(sink)]);
      if (accepted) expect(received).toMatchObject({ status: 'fulfilled', value: { sha256: digestOf(bytes) } });
      else expect(received).toMatchObject({ status: 'rejected', reason: { code: 'unpack_failed' } });
      expect(sent.status).toBe(received.status);
    },
  );
});

describe('an agent that is stopped and started, as an update does', () => {
  test.each(['source', 'target'] as const)('F13 the %s: its peer waits, and the item is carried', async (side) => {
    const bytes = tarLike(24 * mib);
    const first = new AbortController();
    const ending = {
      signal: first.signal,
      onProgress: (count: number) => {
        if (count > 8 * mib) first.abort(new AgentEnds());
      },
    };
    const sink = collectingSink();
    const send = (options?: object) => rig.send(tarOf(bytes), options);
    const receive = (options?: object) => rig.receive(sink, options);
    const [stopped, again] = side === 'source' ? [send, send] : [() => rig.receive(collectingSink(), ending), receive];
    const peer = side === 'source' ? receive() : send();
    await expect(stopped(ending)).rejects.toMatchObject({ code: 'cancelled' });
    const [proof] = await Promise.all([peer, again()]);
    expect(proof.sha256).toBe(digestOf(bytes));
    expect(digestOf(sink.bytes())).toBe(digestOf(bytes));
  });
});

describe('cancelling', () => {
  test.each(['source', 'target'] as const)('F41 a cancel at the %s ends both sides at once', async (side) => {
    const abort = new AbortController();
    const options = (own: string) => ({
      ...(own === side ? { signal: abort.signal } : {}),
      onProgress: (bytes: number) => {
        if (own === side && bytes > 2 * mib) abort.abort();
      },
    });
    const [sent, received] = await Promise.allSettled([
      rig.send(tarOf(tarLike(32 * mib)), options('source')),
      rig.receive(collectingSink(), options('target')),
    ]);
    expect(sent).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
    expect(received).toMatchObject({ status: 'rejected', reason: { code: 'cancelled' } });
  });

  test('F41 a cancel while the peer is still awaited ends at once', async () => {
    const abort = new AbortController();
    const sending = rig.send(tarOf(tarLike(mib)), { signal: abort.signal });
    await expect.poll(() => rig.relay.status().waiting).toBe(1);
    abort.abort();
    await expect(sending).rejects.toMatchObject({ code: 'cancelled' });
    await expect.poll(() => rig.relay.status().waiting).toBe(0);
  });
});

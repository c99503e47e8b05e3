import { randomBytes } from 'node:crypto';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { TransferEvent } from '../../agent/transfer/reconnect.ts';
import { collectingSink, digestOf, type LaneRig, startLaneRig, tarLike, tarOf } from './lane-rig.ts';

const mib = 1_048_576;
let rig: LaneRig;
beforeEach(async () => {
  rig = await startLaneRig();
});
afterEach(() => rig.close());

describe('an attacker who owns the wire or the relay', () => {
  test('B31 records everything, and finds nothing of the volume in it', async () => {
    const canary = `canary-${randomBytes(16).toString('hex')}`;
    const bytes = Buffer.concat([Buffer.from(`${canary}\n`.repeat(20_000)), Buffer.alloc(10_240)]);
    rig.tap.record = true;
    const sink = collectingSink();
    await Promise.all([rig.send(tarOf(bytes)), rig.receive(sink)]);
    const recorded = rig.tap.recorded();
    expect(sink.bytes().includes(canary)).toBe(true);
    expect(recorded.length).toBeGreaterThan(10_000);
    expect(recorded.includes(canary)).toBe(false);
    expect(recorded.includes(Buffer.from(canary).subarray(0, 16))).toBe(false);
    // Names of hosts travel in certificates and tickets, which TLS 1.3 hides too.
    expect(recorded.includes('spiffe://')).toBe(false);
  });

  test('B31 alters bytes: the connection is dropped, the stream resumes, and no altered byte is unpacked', async () => {
    const bytes = tarLike(20 * mib);
    const events: TransferEvent[] = [];
    let altered = 0;
    rig.tap.alter = (piece, before) => {
      // Well behind admission and handshake, a few times in all.
      if (altered >= 3 || before < 2 * mib) return piece;
      altered += 1;
      const changed = Buffer.from(piece);
      changed[Math.floor(changed.length / 2)]! ^= 0x01;
      return changed;
    };
    const sink = collectingSink();
    const [sent, received] = await Promise.all([
      rig.send(tarOf(bytes)),
      rig.receive(sink, { observe: (event) => events.push(event) }),
    ]);
    expect(altered).toBe(3);
    expect(received).toEqual(sent);
    expect(sent.sha256).toBe(digestOf(bytes));
    expect(sink.bytes().equals(bytes)).toBe(true);
    const noticed = events.flatMap((event) => (event.kind === 'interrupted' ? [event.error.message] : []));
    expect(noticed.some((message) => /bad record mac|decryption failed/i.test(message))).toBe(true);
  });

  test('B31 alters every connection for ever: the item fails in bounded time, and nothing false is accepted', async () => {
    const bytes = tarLike(8 * mib);
    rig.tap.alter = (piece, before) => {
      if (before < 200_000) return piece;
      const changed = Buffer.from(piece);
      changed[0]! ^= 0x80;
      return changed;
    };
    const sink = collectingSink();
    const bounds = { reconnectMsMax: 500, reconnectDelayMsMax: 50 };
    const results = await Promise.allSettled([rig.send(tarOf(bytes), { bounds }), rig.receive(sink, { bounds })]);
    for (const result of results) {
      expect(result).toMatchObject({ status: 'rejected', reason: { code: 'transfer_interrupted' } });
    }
    expect(bytes.subarray(0, sink.bytes().length).equals(sink.bytes())).toBe(true);
  });
});

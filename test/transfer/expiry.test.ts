import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import type { TransferEvent } from '../../agent/transfer/reconnect.ts';
import { collectingSink, type LaneRig, newIdentities, startLaneRig, tarLike, tarOf } from './lane-rig.ts';

const mib = 1_048_576;
/** Time enough for the first dial, on a busy machine too. */
const lifeMs = 6_000;

let rig: LaneRig;
let endsAt: number;
beforeEach(async () => {
  rig = await startLaneRig();
  endsAt = Math.ceil((Date.now() + lifeMs) / 1000) * 1000;
  Object.assign(rig.identities, await newIdentities(rig.fleet, { notAfter: new Date(endsAt) }));
});
afterEach(() => rig.close());

/** A lane that is held in its middle until all three certificates have expired; `then` is called at that moment. */
async function carryAcrossTheEnd(then: (events: TransferEvent['kind'][]) => Promise<void>) {
  const bytes = tarLike(24 * mib);
  const events: TransferEvent['kind'][] = [];
  let held: Promise<void> | null = null;
  const hold = async () => {
    await new Promise((resolve) => setTimeout(resolve, endsAt + 1_500 - Date.now()));
    await then(events);
  };
  const sink = collectingSink({
    onWrite: async (total) => {
      if (total < 4 * mib) return;
      held ??= hold();
      await held;
    },
  });
  const [sent, received] = await Promise.all([
    rig.send(tarOf(bytes), { observe: ({ kind }) => events.push(kind) }),
    rig.receive(sink),
  ]);
  expect(received).toEqual(sent);
  expect(sink.bytes().equals(bytes)).toBe(true);
  expect([sink.opens, sink.resets]).toEqual([1, 0]);
  return events;
}

describe('certificates that expire in mid-transfer', () => {
  test('F39 do not end a stream that is under way', async () => {
    expect(await carryAcrossTheEnd(async () => {})).toEqual(['connected']);
  });

  test('F39 B27 let nobody into a new connection, and once they are renewed the stream goes on from where it was', async () => {
    const events = await carryAcrossTheEnd(async (soFar) => {
      rig.tap.cut();
      await vi.waitFor(() => expect(soFar.length).toBeGreaterThan(3), { timeout: 5_000 });
      expect(new Set(soFar.slice(1))).toEqual(new Set(['interrupted']));
      Object.assign(rig.identities, await newIdentities(rig.fleet));
    });
    expect(events.filter((kind) => kind !== 'interrupted')).toEqual(['connected', 'connected']);
  });
});

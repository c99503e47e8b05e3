import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fixedDoor } from '../../agent/transfer/direct-door.ts';
import { openDirectListener } from '../../agent/transfer/direct-listener.ts';
import { relayDialer } from '../../agent/transfer/lanes.ts';
import type { Connect, TransferEvent } from '../../agent/transfer/reconnect.ts';
import { createStripeBudget } from '../../agent/transfer/stripe-budget.ts';
import { createThrottle } from '../../node/throttle.ts';
import { limits } from '../../schema/limits.ts';
import { collectingSink, digestOf, type LaneOptions, type LaneRig, startLaneRig, tarLike, tarOf } from './lane-rig.ts';
import { type LongLine, startLongLine } from './long-line.ts';

const mib = 1_048_576;
/** Of a line of 60 ms, so that a test takes seconds, in one busy process. */
const bounds = { stripeBusyPartMax: 1, stripeRoundTripMsMin: 50, stripeMeasureMs: 200, stripeRetryMs: 400 };

let rig: LaneRig;
let line: LongLine;
beforeEach(async () => {
  rig = await startLaneRig();
  line = await startLongLine(rig.relay.port, { delayMs: 30, bytesPerS: 4 * mib });
});
afterEach(async () => {
  await line.close();
  await rig.close();
});

/** The source's way to the relay is the long line. */
function overLine(
  role: 'source' | 'target',
  at: { via?: number; direct?: number; door?: Parameters<typeof fixedDoor>[0] } = {},
): Connect {
  const peerRole = role === 'source' ? 'target' : 'source';
  const { id: host } = rig.identities[role];
  const { id: peer } = rig.identities[peerRole];
  const dialer = relayDialer({
    identity: () => rig.identities[role],
    ticket: async ({ lane }) => ({
      ticket: await rig.fleet.ticket({ host, peer, role, lane }),
      relay: { id: 'relay-1', host: '127.0.0.1', port: at.via ?? (role === 'source' ? line.port : rig.relay.port) },
      bandwidth_limit: null,
      direct: at.direct === undefined || role === 'target' ? null : { host: '127.0.0.1', port: at.direct },
      addresses: [],
    }),
    door: role === 'target' && at.door ? fixedDoor(at.door) : null,
  });
  return dialer(role, { migrationId: 'migration-1', peer, lane: 'data' });
}

/** Counts the stripes that a side dials. */
function counting(connect: Connect): Connect & { stripes: number[] } {
  const stripes: number[] = [];
  const dial: Connect = (signal, stripe = 0) => {
    if (stripe > 0) stripes.push(stripe);
    return connect(signal, stripe);
  };
  return Object.assign(dial, { stripes });
}

async function carry(bytes: Buffer, options: { source?: LaneOptions; target?: LaneOptions; connect?: Connect } = {}) {
  const sink = collectingSink();
  const source = tarOf(bytes);
  const events: TransferEvent[] = [];
  const connect = counting(options.connect ?? overLine('source'));
  const [sent, received] = await Promise.all([
    rig.send(source, { bounds, connect, observe: (event) => events.push(event), ...options.source }),
    rig.receive(sink, { bounds, connect: overLine('target'), ...options.target }),
  ]);
  expect(received).toEqual(sent);
  expect(sink.bytes().equals(bytes)).toBe(true);
  return { sent, source, sink, events, stripes: connect.stripes };
}

const count = (events: TransferEvent[], kind: TransferEvent['kind']) =>
  events.filter((event) => event.kind === kind).length;

describe('a stream over a long line', { timeout: 60_000 }, () => {
  test('is striped, and arrives whole, over several connections', async () => {
    const bytes = tarLike(40 * mib);
    const { sent, source, sink, stripes } = await carry(bytes);
    expect(sent.sha256).toBe(digestOf(bytes));
    expect([source.opens, sink.opens, sink.resets]).toEqual([1, 1, 0]);
    expect(stripes.slice(0, 3)).toEqual([1, 2, 3]);
    const shares = line.carriers(mib).map(({ bytes: own }) => own());
    expect(shares.length).toBeGreaterThanOrEqual(4);
    expect(Math.max(...shares)).toBeLessThan(bytes.length / 2);
    // The relay saw them all, and they have ended with the stream.
    await expect.poll(() => rig.relay.status().sessions).toBe(0);
  });

  test('of a target that can be reached, has its stripes without the relay too', async () => {
    const door = await openDirectListener({ host: '127.0.0.1', port: 0 });
    const direct = await startLongLine(door.port, { delayMs: 30, bytesPerS: 4 * mib });
    const { stripes } = await carry(tarLike(24 * mib), {
      connect: overLine('source', { direct: direct.port }),
      target: { connect: overLine('target', { door }) },
    });
    expect(stripes.slice(0, 3)).toEqual([1, 2, 3]);
    expect(direct.carriers(mib).length).toBeGreaterThanOrEqual(4);
    expect(line.carriers(mib)).toEqual([]);
    await direct.close();
    await door.close();
  });

  test('goes on if a stripe is cut: its chunks go over the others, and another stripe takes its place', async () => {
    let cut = 0;
    line.onBytes = () => {
      const [, stripe] = line.carriers(1.5 * mib);
      if (!stripe || cut > 0) return;
      cut = line.carriers(1).length;
      stripe.cut();
    };
    const { source, sink, events, stripes } = await carry(tarLike(40 * mib));
    expect(cut).toBeGreaterThan(0);
    expect([source.opens, sink.opens, count(events, 'interrupted')]).toEqual([1, 1, 0]);
    expect(new Set(stripes).size).toBe(stripes.length);
  });

  test('does not wait for a stripe that hardly moves: its chunks go over the others', async () => {
    let stalled = false;
    line.onBytes = () => {
      const [, stripe] = line.carriers(1.5 * mib);
      if (!stripe || stalled) return;
      stalled = true;
      stripe.stall();
    };
    const began = performance.now();
    const stallBounds = { ...bounds, stripeStallMsMin: 1_000, stripeStallFactor: 2 };
    const { events } = await carry(tarLike(32 * mib), { source: { bounds: stallBounds } });
    expect(stalled).toBe(true);
    expect(count(events, 'interrupted')).toBe(0);
    // Its next chunk alone would take a hundred seconds.
    expect(performance.now() - began).toBeLessThan(50_000);
  });

  test('goes on where it was if the main connection is cut, with new stripes', async () => {
    let cut = false;
    line.onBytes = (total) => {
      if (cut || total < 14 * mib) return;
      cut = true;
      // The oldest that carries is the main one.
      line.carriers(mib)[0]?.cut();
    };
    const bytes = tarLike(40 * mib);
    const { source, sink, events, stripes } = await carry(bytes);
    expect([count(events, 'interrupted'), count(events, 'restarted')]).toEqual([1, 0]);
    expect([source.opens, sink.opens, sink.resets]).toEqual([1, 1, 0]);
    expect(stripes.filter((stripe) => stripe === 1).length).toBe(2);
    const carried = line.carriers(1).reduce((sum, { bytes: own }) => sum + own(), 0);
    expect(carried - bytes.length).toBeLessThan((limits.stream.windowChunksMax + 2) * mib);
  });

  test('stays on one connection if the relay has no room for more', async () => {
    await rig.close();
    rig = await startLaneRig({ sessionsPerHostMax: 1 });
    await line.close();
    line = await startLongLine(rig.relay.port, { delayMs: 30, bytesPerS: 4 * mib });
    const { events, stripes } = await carry(tarLike(12 * mib));
    expect(stripes.length).toBeGreaterThan(0);
    expect(count(events, 'interrupted')).toBe(0);
    expect(line.carriers(mib).length).toBe(1);
  });

  test('has as many stripes as the agent has left, and gives them back', async () => {
    const budget = createStripeBudget(2);
    const { stripes } = await carry(tarLike(20 * mib), { source: { stripes: budget } });
    expect(new Set(stripes)).toEqual(new Set([1, 2]));
    expect(budget.take(3)).toBe(2);
  });

  test('is not striped if the unpacker is what holds it back', async () => {
    await line.close();
    line = await startLongLine(rig.relay.port, { delayMs: 30, bytesPerS: 16 * mib });
    const slow = collectingSink({ onWrite: () => new Promise((done) => setTimeout(done, 250)) });
    const connect = counting(overLine('source'));
    await Promise.all([
      rig.send(tarOf(tarLike(16 * mib)), {
        bounds: { ...bounds, stripeMeasureMs: 1_200, stripeBusyPartMax: limits.stream.stripeBusyPartMax },
        connect,
      }),
      rig.receive(slow, { bounds, connect: overLine('target') }),
    ]);
    expect(connect.stripes).toEqual([]);
  });

  test('is not striped if a bandwidth limit is what holds it back', async () => {
    const pace = createThrottle(2 * mib);
    const { stripes } = await carry(tarLike(6 * mib), { source: { pace } });
    expect(stripes).toEqual([]);
  });
});

test('a fast line is never striped, whatever the unpacker does', async () => {
  const connect = counting(rig.connect('source'));
  const sink = collectingSink({ onWrite: () => new Promise((done) => setTimeout(done, 5)) });
  const bytes = tarLike(48 * mib);
  await Promise.all([rig.send(tarOf(bytes), { connect }), rig.receive(sink)]);
  expect(connect.stripes).toEqual([]);
  expect(sink.bytes().equals(bytes)).toBe(true);
});

import { describe, expect, test } from 'vitest';
import { createLine } from '../../agent/transfer/line.ts';
import { limits } from '../../schema/limits.ts';

const mib = 1_048_576;
const { stripeAheadBytesMin, stripeRoundTripMsMin, stripeRetryMs } = limits.stream;

const idle = () => 0;
const plenty = limits.stream.stripeSlots * mib;

/** A line on a clock of its own, always full. `rateOf`: bytes per millisecond over so many connections. */
function play(options: {
  roundTripMs: number;
  rateOf: (connections: number, atMs: number) => number;
  forMs?: number;
  roomBytes?: number;
}) {
  const { roomBytes = plenty } = options;
  let ms = 0;
  const line = createLine(limits.stream, () => ms, idle);
  line.welcomed(options.roundTripMs);
  line.echoed(options.roundTripMs);
  let open = 1;
  const grown: { ms: number; open: number }[] = [];
  for (; ms < (options.forMs ?? 30_000); ms += 50) {
    line.received(options.rateOf(open, ms) * 50);
    line.blocked(true);
    const wanted = line.connections(open, roomBytes);
    if (wanted > open) grown.push({ ms, open: wanted });
    open = Math.max(open, wanted);
  }
  return { line, open, grown: grown.map((step) => step.open), at: grown.map((step) => step.ms) };
}

describe('what is measured of a line', () => {
  test('nothing follows from a short one, however slow it is', () => {
    const { open, line } = play({ roundTripMs: stripeRoundTripMsMin - 1, rateOf: () => 100 });
    expect(open).toBe(1);
    expect(line.aheadBytes()).toBe(Number.POSITIVE_INFINITY);
    expect(line.unsure()).toBe(false);
  });

  test('a WELCOME that took long makes no line long: the shortest round trip counts', () => {
    const line = createLine(limits.stream, () => 0, idle);
    line.welcomed(5_000);
    expect([line.unsure(), line.aheadBytes()]).toEqual([true, stripeAheadBytesMin]);
    line.echoed(90);
    expect(line.unsure()).toBe(true);
    line.echoed(3);
    expect([line.unsure(), line.aheadBytes()]).toEqual([false, Number.POSITIVE_INFINITY]);
    line.echoed(500);
    expect(line.unsure()).toBe(false);
  });

  test('a long one that each connection fills by itself gets all connections, in two steps', () => {
    expect(play({ roundTripMs: 200, rateOf: (connections) => connections * 700 }).grown).toEqual([4, 8]);
  });

  test('a long one whose rate all connections share gets the first few, and no more', () => {
    expect(play({ roundTripMs: 200, rateOf: () => 5_000 }).grown).toEqual([4]);
  });

  test('a long one gets no more than the target can hold', () => {
    const rateOf = (connections: number) => connections * 700;
    expect(play({ roundTripMs: 200, rateOf, roomBytes: 500_000 }).grown).toEqual([]);
    expect(play({ roundTripMs: 200, rateOf, roomBytes: 1_000_000 }).grown).toEqual([4]);
  });

  test('one whose new connections begin slowly is judged again', () => {
    const rateOf = (connections: number, ms: number) => (ms < 8_000 ? 700 : connections * 700);
    expect(play({ roundTripMs: 200, rateOf }).grown).toEqual([4, 8]);
  });

  test('a long one that takes whatever is under way gets a larger window first, and no stripe', () => {
    const rate = (line: { aheadBytes(): number }) => line.aheadBytes() / 200;
    let ms = 0;
    const line = createLine(limits.stream, () => ms, idle);
    line.welcomed(200);
    const seen = new Set<number>();
    for (; ms < 10_000; ms += 50) {
      line.received(rate(line) * 50);
      line.blocked(true);
      expect(line.connections(1, plenty)).toBe(1);
      seen.add(line.aheadBytes());
    }
    expect([...seen]).toEqual([2 * mib, 8 * mib, limits.stream.windowChunksMax * mib]);
  });

  test('a busy process is not taken for a long line', () => {
    let ms = 0;
    const line = createLine(
      limits.stream,
      () => ms,
      () => 0.9,
    );
    line.welcomed(200);
    for (; ms < 30_000; ms += 50) {
      line.received(700 * 50);
      line.blocked(true);
      expect(line.connections(1, plenty)).toBe(1);
    }
  });

  test('a line that is not kept full says nothing about connections', () => {
    let ms = 0;
    const line = createLine(limits.stream, () => ms, idle);
    line.welcomed(200);
    for (; ms < 30_000; ms += 50) {
      line.received(50 * 50);
      line.blocked(ms % 200 === 0);
      expect(line.connections(1, plenty)).toBe(1);
    }
  });

  test('a connection that broke is replaced, but not at once', () => {
    const { at, grown } = play({
      roundTripMs: 200,
      rateOf: (connections) => connections * 700,
      forMs: 20_000,
    });
    expect(grown).toEqual([4, 8]);
    // No stripe can be dialled.
    let ms = 0;
    const line = createLine(limits.stream, () => ms, idle);
    line.welcomed(200);
    const asked: number[] = [];
    for (; ms < 100_000; ms += 50) {
      line.received(700 * 50);
      line.blocked(true);
      if (line.connections(1, plenty) > 1) asked.push(ms);
    }
    expect(asked[0]).toBeLessThanOrEqual(at[0]! + 50);
    for (const [index, before] of asked.slice(0, -1).entries())
      expect(asked[index + 1]! - before).toBeGreaterThanOrEqual(stripeRetryMs);
    expect(asked.length).toBeGreaterThan(2);
  });
});

import type { StreamBounds } from './frame-connection.ts';

/**
 * What the source has measured of the line to the target, and what follows for one main connection: how much may be under
 * way, and how many stripes to open. Rates are of frames that the target received.
 */
export interface Line {
  /** `ms`: from HELLO to WELCOME, at least a round trip. */
  welcomed(ms: number): void;
  /** `ms`: a round trip, and what it had to wait for. */
  echoed(ms: number): void;
  /** Another ECHO may show that the line is short after all. */
  unsure(): boolean;
  received(bytes: number): void;
  /** True while a chunk is ready that no connection may take. */
  blocked(now: boolean): void;
  /** Bytes that may be under way on each connection. */
  aheadBytes(): number;
  /** Milliseconds that a chunk takes on each of so many connections, at the rate last measured; null if none was. */
  usualMs(open: number): number | null;
  /**
   * How many connections the stream should have, which now has `open`. `open` itself unless the line is long, has been full
   * for some time, and more connections have brought more so far. `roomBytes`: what the target can hold of a striped stream;
   * with well compressed chunks that may be less than one connection has under way.
   */
  connections(open: number, roomBytes: number): number;
}

interface Measure {
  beganAt: number;
  open: number;
  bytes: number;
  blockedMs: number;
}

/** A connection keeps its line full if twice what the line holds is under way. */
const fullFactor = 2;
/** Not limited by what may be under way, if the line held less than this part of it. */
const heldPart = 0.6;
/** What may be under way grows by this factor while that is the limit, as a connection's own window does at its start. */
const growth = 4;
/** The first stripes show whether more connections bring more. */
const firstConnections = 4;

/** `now`: a monotonic clock in milliseconds. `busyPart`: of the time since it was last called, in which this process was busy. */
export function createLine(
  bounds: StreamBounds,
  now: () => number = () => performance.now(),
  busyPart: () => number = meterLoop(),
): Line {
  return new MeasuredLine(bounds, now, busyPart);
}

function meterLoop(): () => number {
  let last = performance.eventLoopUtilization();
  return () => {
    const now = performance.eventLoopUtilization();
    const { utilization } = performance.eventLoopUtilization(now, last);
    last = now;
    return utilization;
  };
}

class MeasuredLine implements Line {
  readonly #bounds: StreamBounds;
  readonly #now: () => number;
  readonly #busyPart: () => number;
  /** The least that was measured; until WELCOME, and to a target that takes no stripes, as if the line were short. */
  #roundTripMs = 0;
  #echoes = 0;
  #measure: Measure | null = null;
  #blockedAt: number | null = null;
  #aheadBytes: number;
  /** Before the latest stripes. */
  #before: { bytesPerMs: number; open: number } | null = null;
  #bytesPerMs: number | null = null;
  #aim = 1;
  #aimedAt = 0;

  constructor(bounds: StreamBounds, now: () => number, busyPart: () => number) {
    this.#bounds = bounds;
    this.#now = now;
    this.#busyPart = busyPart;
    this.#aheadBytes = bounds.stripeAheadBytesMin;
  }

  welcomed(ms: number): void {
    this.#roundTripMs = ms;
  }

  echoed(ms: number): void {
    this.#echoes += 1;
    this.#roundTripMs = Math.min(this.#roundTripMs, ms);
  }

  unsure(): boolean {
    return this.#isLong() && this.#echoes < this.#bounds.echoesMax;
  }

  received(bytes: number): void {
    if (this.#measure) this.#measure.bytes += bytes;
  }

  blocked(isBlocked: boolean): void {
    const now = this.#now();
    if (this.#measure && this.#blockedAt !== null) this.#measure.blockedMs += now - this.#blockedAt;
    this.#blockedAt = isBlocked ? now : null;
  }

  aheadBytes(): number {
    return this.#isLong() ? this.#aheadBytes : Number.POSITIVE_INFINITY;
  }

  usualMs(open: number): number | null {
    return this.#bytesPerMs && (this.#aheadBytes * open) / this.#bytesPerMs;
  }

  connections(open: number, roomBytes: number): number {
    if (!this.#isLong()) return open;
    const measured = this.#measured(open);
    const next = Math.min(this.#bounds.stripesMax + 1, open === 1 ? firstConnections : open * 2);
    const more =
      measured !== null && this.#paysToGrow(measured, open) && this.#held(measured) * (next / open) < roomBytes;
    if (more) {
      this.#before = { bytesPerMs: measured, open };
      this.#aim = next;
    }
    if (!more && (open >= this.#aim || this.#now() - this.#aimedAt < this.#bounds.stripeRetryMs)) return open;
    this.#aimedAt = this.#now();
    return this.#aim;
  }

  /** Bytes that the line holds at this rate. */
  #held(bytesPerMs: number): number {
    return bytesPerMs * this.#roundTripMs;
  }

  #isLong(): boolean {
    return this.#roundTripMs >= this.#bounds.stripeRoundTripMsMin;
  }

  /** Returns bytes per millisecond, once enough has passed over the same connections to tell. */
  #measured(open: number): number | null {
    const now = this.#now();
    if (this.#measure?.open !== open) {
      this.#measure = { beganAt: now, open, bytes: 0, blockedMs: 0 };
      this.#busyPart();
      return null;
    }
    const { beganAt, bytes, blockedMs } = this.#measure;
    const { stripeMeasureMs, stripeMeasureRoundTrips, chunkBytesMax } = this.#bounds;
    const ms = now - beganAt;
    if (ms < Math.max(stripeMeasureMs, stripeMeasureRoundTrips * this.#roundTripMs)) return null;
    const isFull = blockedMs >= ms / 2;
    if (isFull && bytes < open * chunkBytesMax) return null;
    this.#measure = { beganAt: now, open, bytes: 0, blockedMs: 0 };
    // A busy processor also makes a short line look long.
    const isBusy = this.#busyPart() > this.#bounds.stripeBusyPartMax;
    if (!isFull || isBusy) return null;
    this.#bytesPerMs = bytes / ms;
    return this.#bytesPerMs;
  }

  #paysToGrow(bytesPerMs: number, open: number): boolean {
    const { stripeAheadBytesMin, stripeGainPart, stripesMax, windowChunksMax, chunkBytesMax } = this.#bounds;
    const held = this.#held(bytesPerMs) / open;
    if (held > heldPart * this.#aheadBytes) {
      this.#aheadBytes = Math.min(this.#aheadBytes * growth, windowChunksMax * chunkBytesMax);
      return false;
    }
    this.#aheadBytes = Math.max(stripeAheadBytesMin, fullFactor * held);
    if (open < this.#aim || open > stripesMax) return false;
    // Judged again each time: at first new connections carry less than later.
    const gain = this.#before ? bytesPerMs / this.#before.bytesPerMs - 1 : Number.POSITIVE_INFINITY;
    return gain >= stripeGainPart * (open / (this.#before?.open ?? open) - 1);
  }
}

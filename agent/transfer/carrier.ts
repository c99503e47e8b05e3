import type { FrameConnection } from './frame-connection.ts';

/** A connection of the source, and the chunks under way on it: sent, and not known to have arrived. */
export class Carrier {
  readonly connection: FrameConnection;
  /** By sequence number, the one sent first in front. */
  readonly #underWay = new Map<number, { bytes: number; sentAt: number }>();
  #bytes = 0;

  constructor(connection: FrameConnection) {
    this.connection = connection;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Milliseconds for which the oldest of them has been under way. */
  waitingMs(): number {
    const [oldest] = this.#underWay.values();
    return oldest ? performance.now() - oldest.sentAt : 0;
  }

  sequences(): number[] {
    return [...this.#underWay.keys()];
  }

  carry(sequence: number, frame: Buffer): void {
    this.#underWay.set(sequence, { bytes: frame.length, sentAt: performance.now() });
    this.#bytes += frame.length;
    this.connection.send(frame);
  }

  /** Returns the bytes that arrived with this chunk, null if it is not under way here. */
  arrived(sequence: number): number | null {
    const bytes = this.#underWay.get(sequence)?.bytes ?? null;
    this.#underWay.delete(sequence);
    this.#bytes -= bytes ?? 0;
    return bytes;
  }

  /** All before `next` have arrived, on whichever connection; returns their bytes. */
  arrivedBefore(next: number): number {
    let bytes = 0;
    for (const sequence of this.#underWay.keys()) if (sequence < next) bytes += this.arrived(sequence) ?? 0;
    return bytes;
  }
}

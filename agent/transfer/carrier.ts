import type { FrameConnection } from './frame-connection.ts';

/** A connection of the source, and the chunks under way on it: sent, and not known to have arrived. */
export class Carrier {
  readonly connection: FrameConnection;
  /** Sequence number → bytes of the frame. */
  readonly #underWay = new Map<number, number>();
  #bytes = 0;

  constructor(connection: FrameConnection) {
    this.connection = connection;
  }

  get bytes(): number {
    return this.#bytes;
  }

  sequences(): number[] {
    return [...this.#underWay.keys()];
  }

  carry(sequence: number, frame: Buffer): void {
    this.#underWay.set(sequence, frame.length);
    this.#bytes += frame.length;
    this.connection.send(frame);
  }

  /** Returns the bytes that arrived with this chunk, null if it is not under way here. */
  arrived(sequence: number): number | null {
    const bytes = this.#underWay.get(sequence) ?? null;
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

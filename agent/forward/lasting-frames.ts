/**
 * The dialogue by which one stream of bytes goes on over many connections, one after the other (`lasting-stream.ts`):
 *
 *   source                                                  target
 *   begin {received: 0, id}, or resume {received, id} ─────▶
 *        ◀───────────────────────────────────────────────── resume {received, id}, or unknown: it began no such stream
 *   ◀════════════ data {length} bytes · ack {received} ════▶  each side first repeats what the other has not received
 *   bye ───────────────────────────────────────────────────▶  of either side: the stream is over
 *
 * Each frame begins with its type and a number: 8 bytes, big-endian. `received` counts the stream's bytes since it began.
 * An id has 16 bytes.
 */
const types = { begin: 1, resume: 2, unknown: 3, data: 4, ack: 5, bye: 6 } as const;

export type Frame =
  | { type: 'begin' | 'resume'; received: number; id: string }
  /** Some of a frame's bytes: they are handed on as they come. */
  | { type: 'data'; bytes: Buffer }
  | { type: 'ack'; received: number }
  | { type: 'unknown' | 'bye' };

const idBytes = 16;
const headBytes = 9;
const nameOf = new Map<number, keyof typeof types>(
  (Object.keys(types) as (keyof typeof types)[]).map((name) => [types[name], name]),
);

export const beginFrame = (id: string): Buffer => Buffer.concat([head('begin', 0), Buffer.from(id, 'hex')]);
export const resumeFrame = (id: string, received: number): Buffer =>
  Buffer.concat([head('resume', received), Buffer.from(id, 'hex')]);
export const unknownFrame = (): Buffer => head('unknown', 0);
/** Followed by that many bytes. */
export const dataHead = (length: number): Buffer => head('data', length);
export const ackFrame = (received: number): Buffer => head('ack', received);
export const byeFrame = (): Buffer => head('bye', 0);

function head(type: keyof typeof types, value: number): Buffer {
  const frame = Buffer.alloc(headBytes);
  frame[0] = types[type];
  frame.writeBigUInt64BE(BigInt(value), 1);
  return frame;
}

/** Returns what takes a connection's bytes as they come, however they are split. It throws if they are no frames. */
export function createFrameReader(onFrame: (frame: Frame) => void): (bytes: Buffer) => void {
  /** Of a frame that has not arrived whole. */
  let begun: Buffer = Buffer.alloc(0);
  let dataLeft = 0;
  return (bytes) => {
    let rest = bytes;
    const take = (length: number) => {
      const taken = rest.subarray(0, length);
      rest = rest.subarray(taken.length);
      return taken;
    };
    while (rest.length > 0) {
      if (dataLeft > 0) {
        const some = take(dataLeft);
        dataLeft -= some.length;
        onFrame({ type: 'data', bytes: some });
        continue;
      }
      const size = sizeOf(begun[0] ?? rest[0]!);
      begun = Buffer.concat([begun, take(size - begun.length)]);
      if (begun.length < size) return;
      const frame = begun;
      begun = Buffer.alloc(0);
      const name = typeOf(frame[0]!);
      const value = Number(frame.readBigUInt64BE(1));
      if (name === 'data') dataLeft = value;
      else if (name === 'begin' || name === 'resume')
        onFrame({ type: name, received: value, id: frame.toString('hex', headBytes) });
      else onFrame(name === 'ack' ? { type: name, received: value } : { type: name });
    }
  };
}

function typeOf(code: number): keyof typeof types {
  const name = nameOf.get(code);
  if (!name) throw new Error(`the peer sent what is no frame of the tunnel (${code})`);
  return name;
}

function sizeOf(code: number): number {
  return headBytes + (['begin', 'resume'].includes(typeOf(code)) ? idBytes : 0);
}

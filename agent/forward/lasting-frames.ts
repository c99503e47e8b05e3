import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';

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
 * An id has 16 bytes. What each side says first (begin, resume, unknown) has the version between its type and the rest.
 * Those two bytes stay as they are in every version: the target answers those of another one with its own, in `unknown`.
 */
export const tunnelVersion = 1;

const types = { begin: 1, resume: 2, unknown: 3, data: 4, ack: 5, bye: 6 } as const;
type Type = keyof typeof types;

export type Frame =
  | { type: 'begin' | 'resume'; received: number; id: string }
  /** The beginning of a peer of another version. What follows can't be read. */
  | { type: 'foreign'; version: number }
  /** Some of a frame's bytes: they are handed on as they come. */
  | { type: 'data'; bytes: Buffer }
  | { type: 'ack'; received: number }
  | { type: 'unknown' | 'bye' };

/** Both hosts' agents can't speak to each other. `version`: the peer's. */
export class OtherTunnelVersion extends StackferryError {
  readonly version: number;

  constructor(version: number, own: number) {
    const older = version < own ? 'the other host' : 'this host';
    super(
      'transfer_protocol',
      `Connections can be forwarded only between agents of matching releases: the other host’s speaks version ${version} of the tunnel, this one’s version ${own}. Upgrade the agent of ${older}; forwarding then goes on by itself.`,
    );
    this.version = version;
  }
}

const idBytes = 16;
const numberBytes = 8;
const nameOf = new Map<number, Type>((Object.keys(types) as Type[]).map((name) => [types[name], name]));

export const beginFrame = (id: string, version = tunnelVersion): Buffer => firstFrame('begin', version, 0, id);
export const resumeFrame = (id: string, received: number, version = tunnelVersion): Buffer =>
  firstFrame('resume', version, received, id);
export const unknownFrame = (version = tunnelVersion): Buffer => firstFrame('unknown', version, 0, '');
/** Followed by that many bytes. */
export const dataHead = (length: number): Buffer => frameOf([types.data], length);
export const ackFrame = (received: number): Buffer => frameOf([types.ack], received);
export const byeFrame = (): Buffer => frameOf([types.bye], 0);

const firstFrame = (type: Type, version: number, received: number, id: string) =>
  Buffer.concat([frameOf([types[type], version], received), Buffer.from(id, 'hex')]);

function frameOf(first: number[], value: number): Buffer {
  const frame = Buffer.alloc(first.length + numberBytes);
  frame.set(first);
  frame.writeBigUInt64BE(BigInt(value), first.length);
  return frame;
}

/** Returns what takes a connection's bytes as they come, however they are split. It throws if they are no frames. */
export function createFrameReader(onFrame: (frame: Frame) => void, version = tunnelVersion): (bytes: Buffer) => void {
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
      const foreign = foreignIn(begun, version);
      // The size of its frame is not known either.
      if (foreign !== null) return onFrame({ type: 'foreign', version: foreign });
      if (begun.length < size) return;
      const frame = read(begun);
      begun = Buffer.alloc(0);
      if ('length' in frame) dataLeft = frame.length;
      else onFrame(frame);
    }
  };
}

/** Of a whole frame. */
function read(frame: Buffer): Frame | { length: number } {
  const type = typeOf(frame[0]!);
  const at = isFirst(type) ? 2 : 1;
  const value = Number(frame.readBigUInt64BE(at));
  if (type === 'begin' || type === 'resume')
    return { type, received: value, id: frame.toString('hex', at + numberBytes) };
  if (type === 'ack') return { type, received: value };
  if (type !== 'data') return { type };
  if (value > limits.forward.tunnelKeptBytesMax)
    throw new Error(`the peer sent more at once than it may keep (${value} bytes)`);
  return { length: value };
}

function typeOf(code: number): Type {
  const name = nameOf.get(code);
  if (!name) throw new Error(`the peer sent what is not a frame of the tunnel (${code})`);
  return name;
}

const isFirst = (type: Type) => ['begin', 'resume', 'unknown'].includes(type);

/** The version of a frame's beginning, if it is another one. */
function foreignIn([code, version]: Buffer, own: number): number | null {
  if (code === undefined || version === undefined || !isFirst(typeOf(code))) return null;
  return version === own ? null : version;
}

function sizeOf(code: number): number {
  const type = typeOf(code);
  if (!isFirst(type)) return 1 + numberBytes;
  return 2 + numberBytes + (type === 'unknown' ? 0 : idBytes);
}

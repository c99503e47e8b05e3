import { z } from 'zod';
import { errorCodes } from './errors.ts';
import { limits } from './limits.ts';

/**
 * One item (a volume, or the project's files) as a tar, in chunks, over one end-to-end TLS connection at a time.
 *
 *   source                                   target
 *   HELLO {version, lane, stream} ─────────▶
 *         ◀───────────────────────────────── WELCOME {version, next, verified}
 *   CHUNK next, next + 1, … ───────────────▶
 *         ◀───────────────────────────────── ACK next, waiting   all below were handed to the unpacker
 *   END {chunks, bytes, sha256} ───────────▶
 *                                            … unpacker exited 0, filesystem synced, counts and digest agree
 *         ◀───────────────────────────────── VERIFIED {bytes, sha256}
 *   DONE ──────────────────────────────────▶ both close
 *
 * REJECTED {code, message} from either side ends the item for good. ALIVE fills silence, either way.
 * A broken connection is dialed anew: HELLO again, and WELCOME says which chunk is wanted next; what the source still
 * holds is sent from there. `stream` names one reading of the tar: another one makes the target begin with an empty
 * volume. After VERIFIED the target still answers HELLO with `verified` set, for a source that did not hear it.
 *
 * A frame is type (1 byte), payload length (u32, big-endian), payload. Any violation closes the connection.
 *
 * Each chunk is hashed once, before compression; `sha256` of an item is the SHA-256 of its chunks' digests in order. So a
 * chunk that did not come as it was packed is told at once and asked for again, and what was unpacked is proven by what
 * was computed for that already. (TLS finds what the network damages; a CRC beside it cost a third of the hashing.)
 */
export const volumeStreamVersion = 2;

export const frameHeaderBytes = 5;

export const frameType = {
  /** JSON `hello` */
  hello: 1,
  /** JSON `welcome` */
  welcome: 2,
  /** sequence number u32 | flags u8 | bytes before compression u32 | SHA-256 of those bytes | data */
  chunk: 3,
  /** next sequence number wanted u32 | chunks that are here and wait for the unpacker u32 */
  ack: 4,
  /** JSON `end` */
  end: 5,
  /** JSON `proof` */
  verified: 6,
  /** JSON `rejected` */
  rejected: 7,
  /** empty */
  alive: 8,
  /** empty */
  done: 9,
} as const;
export type FrameName = keyof typeof frameType;

export const ackBytes = 8;
export const chunkDigestBytes = 32;
export const chunkHeaderBytes = 9 + chunkDigestBytes;
/** The data is one zstd frame. */
export const chunkFlagZstd = 1;
export const sequenceMax = 0xffff_ffff;

/** Largest payload of a frame type, in bytes; undefined for a type that does not exist. */
export function payloadBytesMax(type: number): number | undefined {
  if (type === frameType.chunk) return chunkHeaderBytes + limits.stream.chunkBytesMax;
  if (type === frameType.ack) return ackBytes;
  if (type === frameType.alive || type === frameType.done) return 0;
  return type >= frameType.hello && type <= frameType.rejected ? limits.stream.controlFrameBytesMax : undefined;
}

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const digest = z.string().regex(/^[0-9a-f]{64}$/);

export const proof = z.object({ bytes: count, sha256: digest });

export const hello = z.object({
  version: z.literal(volumeStreamVersion),
  lane: z.string().min(1).max(512),
  stream: z.string().min(1).max(64),
});
export const welcome = z.object({
  version: z.literal(volumeStreamVersion),
  next: count.max(sequenceMax),
  verified: proof.nullable(),
});
export const end = z.object({ chunks: count.max(sequenceMax), bytes: count, sha256: digest });
export const rejected = z.object({
  /** Another release may have more of them. */
  code: z.enum(errorCodes).catch('transfer_protocol'),
  message: z.string().max(1000),
});

export type Hello = z.infer<typeof hello>;
export type End = z.infer<typeof end>;

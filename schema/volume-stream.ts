import { z } from 'zod';
import type { ErrorCode } from './errors.ts';
import { limits } from './limits.ts';

/**
 * One item (a volume, or the project's files) as a tar, in chunks, over one end-to-end TLS connection at a time, and over
 * stripes beside it where the line is long (below).
 *
 *   source                                   target
 *   HELLO {version, lane, stream, key, project} ▶
 *         ◀───────────────────────────────── WELCOME {version, next, verified, keyed}
 *   CHUNK next, next + 1, … ───────────────▶
 *         ◀───────────────────────────────── ACK next, waiting   all before it went to the unpacker
 *   END {chunks, bytes, sha256} ───────────▶
 *                                            … unpacker exited 0, filesystem synced, counts and digest agree
 *         ◀───────────────────────────────── VERIFIED {bytes, sha256}
 *   DONE ──────────────────────────────────▶ both close
 *
 * REJECTED {code, message} from either side ends the item for good. ALIVE is the heartbeat of both sides.
 * The target records an item before VERIFIED, the source before DONE, so that neither waits after a restart for a peer
 * that has finished it; HELLO with another `stream` voids the target's record.
 *
 * After a broken connection the source dials again and sends HELLO; WELCOME names the next chunk wanted, and the source
 * resends its window from there. `stream` identifies one run of the packer: a new one makes the target start with an empty
 * volume. After VERIFIED the target still answers HELLO with `verified` set, for a source that did not receive it.
 *
 * On a long line one connection may carry less than the line could. WELCOME says how many stripes, further connections of
 * the same item, the target accepts at once; without that field none. ECHO measures the round trip, and from it on the
 * target answers each chunk with RECEIVED. Then:
 *
 *   source                                   target
 *   SPREAD {first, count} ─────────────────▶ both dial the stripes `first` to `first + count - 1`
 *   each stripe, on its own connection:
 *   HELLO {lane, stream, stripe, bundle} ──▶
 *         ◀───────────────────────────────── WELCOME
 *   on all connections, each chunk on any of them:
 *   CHUNK n ───────────────────────────────▶
 *         ◀───────────────────────────────── RECEIVED n     on the connection that it came on
 *
 * After SPREAD the source sends no chunk from ACK + `slots` on, so that the target can hold what is out of order. Chunks of
 * a stripe that broke, without RECEIVED, go over another connection. END waits for RECEIVED of all stripes. Everything but
 * chunks stays on the main connection, and the stripes end with it.
 *
 * `project` is the source's own word for the stack that it sends: a target gives nothing to one stack that is another's,
 * whatever the control plane calls it.
 *
 * A frame is type (1 byte), payload length (u32, big-endian), payload. Any violation closes the connection.
 *
 * Each chunk is hashed once, before compression: with the `key` of the stream by GMAC, with the chunk's sequence number as
 * nonce, otherwise by SHA-256. A target that does not answer `keyed` (the previous release) gets the item packed again
 * without a key. `sha256` of an item is the SHA-256 of its chunks' digests in order. The same digests detect a damaged
 * chunk at once, which is requested again, and prove the whole item. (TLS already detects network damage; a CRC in
 * addition cost a third of SHA-256.)
 */
export const volumeStreamVersion = 2;

export const frameHeaderBytes = 5;

export const frameType = {
  /** JSON `hello` */
  hello: 1,
  /** JSON `welcome` */
  welcome: 2,
  /** sequence number u32 | flags u8 | bytes before compression u32 | digest of those bytes | data */
  chunk: 3,
  /** next sequence number wanted u32 | chunks queued for the unpacker u32 */
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
  /** empty; the target sends it back at once */
  echo: 10,
  /** JSON `spread` */
  spread: 11,
  /** sequence number u32 */
  received: 12,
} as const;
export type FrameName = keyof typeof frameType;

export const ackBytes = 8;
export const receivedBytes = 4;
export const chunkDigestBytes = 32;
export const chunkKeyBytes = 16;
export const chunkHeaderBytes = 9 + chunkDigestBytes;
/** The data is one zstd frame. */
export const chunkFlagZstd = 1;
export const sequenceMax = 0xffff_ffff;

/** Largest payload of a frame type, in bytes; undefined for an unknown type. */
export function payloadBytesMax(type: number): number | undefined {
  if (type === frameType.chunk) return chunkHeaderBytes + limits.stream.chunkBytesMax;
  if (type === frameType.ack) return ackBytes;
  if (type === frameType.received) return receivedBytes;
  if (type === frameType.alive || type === frameType.done || type === frameType.echo) return 0;
  const isControl = (type >= frameType.hello && type <= frameType.rejected) || type === frameType.spread;
  return isControl ? limits.stream.controlFrameBytesMax : undefined;
}

const count = z.number().int().min(0).max(Number.MAX_SAFE_INTEGER);
const digest = z.string().regex(/^[0-9a-f]{64}$/);

export const proof = z.object({ bytes: count, sha256: digest });

export const hello = z.object({
  version: z.literal(volumeStreamVersion),
  lane: z.string().min(1).max(512),
  stream: z.string().min(1).max(64),
  /** In hex. Null: digests are SHA-256. */
  key: z
    .string()
    .regex(/^[0-9a-f]{32}$/)
    .nullable()
    .default(null),
  /** Null from the previous release. */
  project: z.string().max(4096).nullable().default(null),
  /** Of one main connection and its stripes: a stripe of an earlier one is refused. */
  bundle: z.string().max(64).default(''),
  /** 0: the main connection. */
  stripe: count.max(limits.stream.stripeNumberMax).default(0),
});
export const welcome = z.object({
  version: z.literal(volumeStreamVersion),
  next: count.max(sequenceMax),
  verified: proof.nullable(),
  /** The target takes the stream's key. */
  keyed: z.boolean().default(false),
  /** Stripes that the target accepts at once. */
  stripes: count.default(0),
  /** Chunks from ACK on that the target holds after SPREAD. */
  slots: count.default(0),
});
/** Each stripe has the number after the one before, and is dialled once. */
export const spread = z.object({
  first: count.min(1).max(limits.stream.stripeNumberMax),
  count: count.min(1).max(limits.stream.stripesMax),
});
export const end = z.object({ chunks: count.max(sequenceMax), bytes: count, sha256: digest });

/**
 * Why a peer may give an item up. The other codes steer an agent or the control plane (`ledger_ahead`: a restored
 * database), so a peer's word must not become one of them.
 */
const rejectionCodes = [
  'cancelled',
  'internal',
  'engine_unreachable',
  'engine_error',
  'disk_full',
  'image_unavailable',
  'policy_refused',
  'transfer_interrupted',
  'transfer_protocol',
  'pack_failed',
  'unpack_failed',
  'digest_mismatch',
  'archive_refused',
] as const satisfies ErrorCode[];
export const rejected = z.object({
  code: z.enum(rejectionCodes).catch('transfer_interrupted'),
  message: z.string().max(1000),
});

export type Hello = z.infer<typeof hello>;
export type Welcome = z.infer<typeof welcome>;
export type End = z.infer<typeof end>;
export type Spread = z.infer<typeof spread>;

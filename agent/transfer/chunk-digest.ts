import { hash } from 'node:crypto';
import { chunkDigestBytes } from '../../schema/volume-stream.ts';
import { gmacOf } from './gmac.ts';

/** Digest of a chunk's bytes before compression, `chunkDigestBytes` long. */
export type ChunkDigest = (sequence: number, data: Buffer) => Buffer;

/** With a key GMAC, then zeros. Without a key SHA-256, for a peer of the previous release. */
export function chunkDigest(key: Buffer | null): ChunkDigest {
  if (key === null) return (_sequence, data) => hash('sha256', data, 'buffer');
  return (sequence, data) => {
    const digest = Buffer.alloc(chunkDigestBytes);
    gmacOf(key, sequence, data).copy(digest);
    return digest;
  };
}

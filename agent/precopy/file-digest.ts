import { createHash } from 'node:crypto';
import { limits } from '../../schema/limits.ts';
import { gmacBytes } from '../transfer/gmac.ts';
import { runInThread } from './block-threads.ts';
import { openRegular } from './safe-open.ts';
import { sharedBuffer } from './thread-memory.ts';
import { contentUnitBytes, encodeOffset } from './unit-tag.ts';

const { readsAheadMax } = limits.warm;

/**
 * Reads files below a directory in threads, several units at a time. Returns the digest that `contentDigests` has for
 * `gmac` with this key. Throws what `openRegular` throws.
 */
export function createFileDigests(root: string, key: Buffer): (path: string, signal: AbortSignal) => Promise<string> {
  const slots = Array.from({ length: readsAheadMax }, () => ({
    slot: sharedBuffer(contentUnitBytes),
    tag: sharedBuffer(gmacBytes),
    tagged: Promise.resolve(0),
  }));
  const keyOfThreads = sharedBuffer(key.length);
  key.copy(keyOfThreads);
  return async (path, signal) => {
    const { file, stats } = await openRegular(root, path);
    const size = Number(stats.size);
    const sum = createHash('sha256');
    try {
      for (let offset = -slots.length * contentUnitBytes; offset < size; offset += contentUnitBytes) {
        signal.throwIfAborted();
        const next = offset + slots.length * contentUnitBytes;
        const one = slots[(next / contentUnitBytes) % slots.length]!;
        if (offset >= 0 && (await one.tagged)) sum.update(encodeOffset(offset)).update(one.tag);
        if (next >= size) continue;
        const bytes = Math.min(contentUnitBytes, size - next);
        const { slot, tag } = one;
        one.tagged = runInThread({ kind: 'tag', fd: file.fd, offset: next, bytes, key: keyOfThreads, slot, tag });
        one.tagged.catch(() => {});
      }
      return sum.digest('hex');
    } finally {
      // The file must stay open until they have finished.
      await Promise.allSettled(slots.map(({ tagged }) => tagged));
      await file.close();
    }
  };
}

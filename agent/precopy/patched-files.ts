import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { limits } from '../../schema/limits.ts';
import { broken, type LargeFile, type Rename } from './delta-stream.ts';
import { openBeneath, renameInside } from './safe-open.ts';

type Timed = Pick<LargeFile, 'path' | 'mtime'>;

/**
 * Writes large files of a volume below `root` in place, one after another. `setTimes` is called in batches, because a
 * source may send any number of files.
 */
export function createPatchedFiles(root: string, setTimes: (written: Timed[]) => Promise<void>) {
  let open: { file: LargeFile; handle: FileHandle } | null = null;
  /** Files whose times are still to be set: writing changes them, and Node can't set nanoseconds. */
  let untimed: Timed[] = [];
  let untimedBytes = 0;

  const close = async () => {
    if (!open) return;
    const { file, handle } = open;
    open = null;
    try {
      // Owner before mode: a change of owner clears setuid and setgid.
      await handle.chown(file.uid, file.gid);
      await handle.chmod(file.mode);
    } finally {
      await handle.close();
    }
    untimed.push({ path: file.path, mtime: file.mtime });
    untimedBytes += recordBytes + file.path.length;
  };

  const settle = async () => {
    const written = untimed;
    untimed = [];
    untimedBytes = 0;
    if (written.length > 0) await setTimes(written);
  };

  return {
    rename: ({ from, to }: Rename): Promise<void> => renameInside(root, from, to),
    async begin(file: LargeFile): Promise<void> {
      await close();
      if (untimedBytes > limits.warm.untimedBytesMax) await settle();
      const handle = await openBeneath(root, file.path, constants.O_RDWR | constants.O_CREAT, {
        mode: 0o600,
        makeDirectories: true,
      });
      open = { file, handle };
      await handle.truncate(file.size);
    },
    async write(offset: number, data: Buffer): Promise<void> {
      if (!open) throw broken('a block of no file');
      if (offset + data.length > open.file.size) throw broken('a block beyond the end of its file');
      for (let done = 0; done < data.length; ) {
        const { bytesWritten } = await open.handle.write(data, done, data.length - done, offset + done);
        done += bytesWritten;
      }
    },
    /** Finishes the last file and sets all remaining times. */
    async end(): Promise<void> {
      await close();
      await settle();
    },
    /** Closes the open file as it is. */
    async abandon(): Promise<void> {
      await open?.handle.close();
      open = null;
    },
  };
}

/** Memory that one entry takes in addition to its path. */
const recordBytes = 128;

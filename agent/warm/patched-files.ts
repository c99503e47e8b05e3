import { constants } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { broken, type LargeFile, type Rename } from './delta-stream.ts';
import { openInside, renameInside } from './inside.ts';

/** Writes large files of a volume below `root` in place, one after the other. */
export function createPatchedFiles(root: string) {
  let open: { file: LargeFile; handle: FileHandle } | null = null;
  /** Files whose times are still to be set: writing changes them, and Node cannot set nanoseconds. */
  let untimed: Pick<LargeFile, 'path' | 'mtime'>[] = [];

  const close = async () => {
    if (!open) return;
    const { file, handle } = open;
    open = null;
    try {
      // The owner first: a change of owner takes setuid and setgid off.
      await handle.chown(file.uid, file.gid);
      await handle.chmod(file.mode);
    } finally {
      await handle.close();
    }
    untimed.push({ path: file.path, mtime: file.mtime });
  };

  return {
    rename: ({ from, to }: Rename): Promise<void> => renameInside(root, from, to),
    async begin(file: LargeFile): Promise<void> {
      await close();
      const handle = await openInside(root, file.path, constants.O_RDWR | constants.O_CREAT, {
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
    /** Ends the last one; resolves to those whose times are to be set. */
    async end(): Promise<Pick<LargeFile, 'path' | 'mtime'>[]> {
      await close();
      const written = untimed;
      untimed = [];
      return written;
    },
    /** Lets go of what is open, as it is. */
    async abandon(): Promise<void> {
      await open?.handle.close();
      open = null;
    },
  };
}

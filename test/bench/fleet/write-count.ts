import { open } from 'node:fs/promises';
import { endianness } from 'node:os';
import { DatabaseSync } from 'node:sqlite';

/**
 * Transactions that changed a database of SQLite so far, from its files: a difference counts. Reads, and statements that
 * change no row, do not count.
 */
export async function writeTransactions(path: string): Promise<number> {
  // With a write-ahead log: `iChange` of the index's header, in the machine's own byte order.
  const index = await bytesAt(`${path}-shm`, 8, 4);
  if (index) return endianness() === 'LE' ? index.readUInt32LE() : index.readUInt32BE();
  // Without one: the file's change counter, big endian.
  const counter = await bytesAt(path, 24, 4);
  if (!counter) throw new Error(`${path} is no database`);
  return counter.readUInt32BE();
}

/** Size of a database that another process may write, with what is still in its write-ahead log. */
export function databaseBytes(path: string): number {
  const reader = new DatabaseSync(path, { readOnly: true });
  try {
    const { bytes } = reader
      .prepare('SELECT page_count * page_size AS bytes FROM pragma_page_count(), pragma_page_size()')
      .get() as { bytes: number };
    return bytes;
  } finally {
    reader.close();
  }
}

/** Null without the file, or where it is shorter. */
async function bytesAt(path: string, position: number, length: number): Promise<Buffer | null> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (!file) return null;
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(length), 0, length, position);
    return bytesRead === length ? buffer : null;
  } finally {
    await file.close();
  }
}

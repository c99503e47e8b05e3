import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from '../../node/log.ts';
import { type LedgerEntry, ledgerDirectory, ledgerEntry } from '../migration-ledger.ts';

export interface LedgerView {
  /** Returns the ledger entries on disk, empty without a directory. Parses a file only after it was replaced. */
  look(): Promise<LedgerEntry[]>;
}

interface Seen {
  signature: string;
  entry: LedgerEntry | null;
}

/**
 * Reads the ledger from another process, while its files may be replaced, or torn by a crash, at any moment. An
 * unreadable file keeps its last readable content, so a recorded lease still lapses.
 */
export function viewLedger(stateDir: string, log: Log): LedgerView {
  const directory = ledgerDirectory(stateDir);
  let seen = new Map<string, Seen>();

  const read = async (name: string): Promise<Seen | null> => {
    const path = join(directory, name);
    const before = seen.get(name);
    try {
      const { ino, size, mtimeMs } = await stat(path);
      const signature = `${ino} ${size} ${mtimeMs}`;
      if (before?.signature === signature) return before;
      const parsed = parse(await readFile(path, 'utf8'));
      if (!parsed) log.error(`${name} cannot be read${before?.entry ? ', using its last readable content' : ''}`);
      return { signature, entry: parsed ?? before?.entry ?? null };
    } catch (error) {
      return isAbsent(error) ? null : (before ?? null);
    }
  };

  return {
    look: async () => {
      const names = await readdir(directory).catch((error) => {
        if (isAbsent(error)) return [];
        throw error;
      });
      const now = new Map<string, Seen>();
      for (const name of names.filter((file) => file.endsWith('.json'))) {
        const file = await read(name);
        if (file) now.set(name, file);
      }
      seen = now;
      return [...now.values()].flatMap(({ entry }) => entry ?? []);
    },
  };
}

function parse(text: string): LedgerEntry | null {
  try {
    return ledgerEntry.parse(JSON.parse(text));
  } catch {
    return null;
  }
}

const isAbsent = (error: unknown) => (error as NodeJS.ErrnoException).code === 'ENOENT';

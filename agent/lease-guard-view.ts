import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { Log } from './log.ts';
import { type LedgerEntry, ledgerDirectory, ledgerEntry } from './migration-ledger.ts';

export interface LedgerView {
  /** What the agent has on disk now. A file is read anew only when it was replaced; no directory, no entries. */
  look(): Promise<LedgerEntry[]>;
}

interface Seen {
  signature: string;
  entry: LedgerEntry | null;
}

/**
 * The ledger as another process sees it, whose files are replaced, or torn by a crash, at any moment. What cannot be
 * read counts as it was when it last could: a lease that was recorded runs out all the same.
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
      if (!parsed) log.error(`${name} cannot be read${before?.entry ? ', what it said before counts' : ''}`);
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

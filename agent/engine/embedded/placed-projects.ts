import { lstat, mkdir, readFile, rm } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { z } from 'zod';
import { StackferryError } from '../../../schema/errors.ts';
import { writeFileAtomically } from '../../atomic-file.ts';
import type { HostRoot } from './host-root.ts';

/** Which migration put a project directory here; only that one may empty or remove it. */
export interface PlacedProjects {
  /** Makes the directory for a migration. Throws `resource_taken` where anything else is there. */
  claim(path: string, migrationId: string): Promise<void>;
  /** Empties what this migration claimed; nothing to do where it claimed nothing and nothing is there. */
  empty(path: string, migrationId: string): Promise<void>;
  /** Removes a project directory, whoever put it here. */
  purge(path: string): Promise<null>;
  /** Removes what this migration claimed. Resolves to why not, null where it is gone. */
  remove(path: string, migrationId: string): Promise<string | null>;
}

export function createPlacedProjects(host: HostRoot): PlacedProjects {
  const recordPath = join(host.root, 'placed.json');
  const read = async (): Promise<Record<string, string>> => {
    const text = await readFile(recordPath, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return '{}';
      throw error;
    });
    return z.record(z.string(), z.string()).parse(JSON.parse(text));
  };
  let tail: Promise<unknown> = Promise.resolve();
  const change = (alter: (placed: Record<string, string>) => void) => {
    const written = tail.then(async () => {
      const placed = await read();
      alter(placed);
      await writeFileAtomically(recordPath, JSON.stringify(placed));
    });
    tail = written.catch(() => {});
    return written;
  };
  /** Below the directory of stacks, not that itself: nothing else of the machine is this engine's to write to. */
  const checked = (path: string) => {
    const below = relative(host.stacks, path);
    if (below !== '' && !below.startsWith('..') && !below.startsWith('/')) return path;
    throw new StackferryError(
      'policy_refused',
      `The embedded engine takes project directories below ${host.stacks} only.`,
    );
  };
  const exists = (path: string) =>
    lstat(path).then(
      () => true,
      () => false,
    );
  const assertOwn = async (path: string, migrationId: string) => {
    if (!(await exists(path)) || (await read())[path] === migrationId) return;
    throw new StackferryError('resource_taken', `${path} exists on this host and is left alone.`);
  };
  const drop = async (path: string) => {
    await rm(checked(path), { recursive: true, force: true });
    await change((placed) => {
      delete placed[path];
    });
    return null;
  };
  return {
    claim: async (path, migrationId) => {
      await assertOwn(checked(path), migrationId);
      // Recorded first: a directory without a record could never be removed again.
      await change((placed) => {
        placed[path] = migrationId;
      });
      await mkdir(dirname(path), { recursive: true });
      await mkdir(path, { recursive: true });
    },
    empty: async (path, migrationId) => {
      await assertOwn(checked(path), migrationId);
      await rm(path, { recursive: true, force: true });
    },
    purge: drop,
    remove: async (path, migrationId) => {
      if (!(await exists(path))) return null;
      if ((await read())[checked(path)] !== migrationId) return 'it was not made by this migration';
      return drop(path);
    },
  };
}

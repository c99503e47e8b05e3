import { mkdir, readdir, readFile, readlink, rename, rm, symlink, writeFile } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { syncDirectory, writeFileAtomically } from '../../node/atomic-file.ts';
import type { AgentProgram } from '../../schema/agent-protocol.ts';

/**
 * Programs from upgrades, in the directory that the launcher of install.sh names:
 *
 *   SHA256.js   a program
 *   next        link to the program that the next start tries
 *   trial       link to the program on trial; the launcher renames `next` to this
 *   current     link to the program that came online; that program renames `trial` to this at its first welcome
 *   failed      link to the program that did not; the launcher renames `trial` to this at the next start
 *   why         why that program ended
 *
 * Each step is one rename, so a crash at any moment leaves a program to start: `current`, else the installed one.
 */
export interface Programs {
  failed(): Promise<AgentProgram['failed']>;
  /** Stores a program, and returns its path. */
  keep(sha256: string, program: Buffer): Promise<string>;
  /** Has the next start try a stored program. */
  tryNext(sha256: string): Promise<void>;
  /** Undoes `tryNext`. */
  forgetNext(): Promise<void>;
  /** If this program is on trial, makes it the current one and removes all others. */
  confirm(): Promise<void>;
  /** If this program is on trial, records why it cannot start. */
  explain(why: string): Promise<void>;
}

/** `own`: the file that this process runs from. */
export function openPrograms(directory: string, own: string): Programs {
  const at = (name: string) => join(directory, name);
  const linked = (name: string) => readlink(at(name)).catch(() => null);
  const onTrial = async () => (await linked('trial')) === basename(own);

  return {
    failed: async () => {
      const file = await linked('failed');
      if (!file) return null;
      const why = (await readFile(at('why'), 'utf8').catch(() => '')).trim();
      return { sha256: basename(file, '.js'), why: why.slice(0, 500) || 'it ended before it was online' };
    },
    keep: async (sha256, program) => {
      await mkdir(directory, { recursive: true, mode: 0o700 });
      await writeFileAtomically(at(`${sha256}.js`), program);
      return at(`${sha256}.js`);
    },
    tryNext: async (sha256) => {
      for (const name of ['failed', 'why', 'next.new']) await rm(at(name), { force: true });
      await symlink(`${sha256}.js`, at('next.new'));
      await rename(at('next.new'), at('next'));
      await syncDirectory(directory);
    },
    forgetNext: () => rm(at('next'), { force: true }),
    confirm: async () => {
      if (!(await onTrial())) return;
      await rename(at('trial'), at('current'));
      await syncDirectory(directory);
      for (const name of await readdir(directory))
        if (name !== 'current' && name !== basename(own)) await rm(at(name), { force: true });
    },
    explain: async (why) => {
      if (await onTrial()) await writeFile(at('why'), `${why}\n`);
    },
  };
}

import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { isAlive, ownStartTicks } from './live-process.ts';

/**
 * Pid file of the guard of a state directory. It lies in that directory, which only the agent's user can write: anyone
 * could take a public name (an abstract socket, a port) to keep the guard from starting. Two guards do no harm, so a
 * race for the file is resolved by checking it again.
 */
const pidfile = z.object({ pid: z.number(), start: z.string() });
const pathIn = (stateDir: string) => join(stateDir, 'lease-guard.json');

export async function liveGuard(stateDir: string): Promise<number | null> {
  try {
    const { pid, start } = pidfile.parse(JSON.parse(await readFile(pathIn(stateDir), 'utf8')));
    return (await isAlive(pid, start)) ? pid : null;
  } catch {
    return null;
  }
}

export async function claimPidfile(stateDir: string): Promise<void> {
  const own = { pid: process.pid, start: await ownStartTicks() };
  await writeFileAtomically(pathIn(stateDir), `${JSON.stringify(own)}\n`);
}

/** Removes the pid file if it is this process's own. */
export async function releasePidfile(stateDir: string): Promise<void> {
  if ((await liveGuard(stateDir)) === process.pid) await rm(pathIn(stateDir), { force: true });
}

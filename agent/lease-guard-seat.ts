import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from './atomic-file.ts';
import { isAlive, ownStartTicks } from './live-process.ts';

/**
 * The file that says which process guards a state directory. In that directory, which only the agent's user may write:
 * a name that anyone can take (an abstract socket, a port) could be taken to keep the guard away. Two guards do no harm,
 * so a race for the file is met by looking again.
 */
const seat = z.object({ pid: z.number(), start: z.string() });
const pathIn = (stateDir: string) => join(stateDir, 'lease-guard.json');

/** The pid of the guard that lives, null where there is none. */
export async function liveGuard(stateDir: string): Promise<number | null> {
  try {
    const { pid, start } = seat.parse(JSON.parse(await readFile(pathIn(stateDir), 'utf8')));
    return (await isAlive(pid, start)) ? pid : null;
  } catch {
    return null;
  }
}

export async function takeSeat(stateDir: string): Promise<void> {
  const own = { pid: process.pid, start: await ownStartTicks() };
  await writeFileAtomically(pathIn(stateDir), `${JSON.stringify(own)}\n`);
}

/** Only where it is this process's own. */
export async function leaveSeat(stateDir: string): Promise<void> {
  if ((await liveGuard(stateDir)) === process.pid) await rm(pathIn(stateDir), { force: true });
}

import { glob, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { liveGuard } from '../../agent/lease/guard-pidfile.ts';

/**
 * Removes the directory of a fleet whose members have ended, with their state directories at most two levels below.
 * A lease guard outlives its agent and would go on writing there, so it is killed first.
 */
export async function removeFleet(directory: string): Promise<void> {
  for await (const pidfile of glob('{*/,*/*/}lease-guard.json', { cwd: directory })) {
    const guard = await liveGuard(join(directory, dirname(pidfile)));
    if (guard !== null) process.kill(guard, 'SIGKILL');
  }
  // A guard that was only starting is not in a pid file yet; it writes at most its log, then ends by itself.
  await rm(directory, { recursive: true, force: true, maxRetries: 10, retryDelay: 100 });
}

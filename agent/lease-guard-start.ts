import { type ChildProcess, spawn } from 'node:child_process';
import { extname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { StackferryError } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import type { AgentConfig } from './config.ts';
import type { LeaseGuard } from './lease.ts';
import { liveGuard } from './lease-guard-seat.ts';
import { sleep } from './sleep.ts';

/** Beside this file, built or not. */
const entry = fileURLToPath(new URL(`./lease-guard${extname(import.meta.filename)}`, import.meta.url));

/**
 * Starts the lease guard where none watches this state directory: a process of its own session, without ties to this
 * one, so that what ends the agent does not end it. A service manager that kills whole control groups does, so the unit
 * sets `KillMode=process`.
 */
export function createLeaseGuard({ stateDir, engine }: Pick<AgentConfig, 'stateDir' | 'engine'>): LeaseGuard {
  let starting: Promise<void> | null = null;

  const start = async () => {
    if ((await liveGuard(stateDir)) !== null) return;
    let failure: Error | null = null;
    const child = spawnGuard(stateDir, engine);
    child.once('error', (error) => {
      failure = error;
    });
    child.once('exit', (code) => {
      if (code !== 0) failure = new Error(`it ended with ${code}`);
    });
    const giveUp = performance.now() + limits.lease.guardStartMsMax;
    // Another agent's start may have put one there before ours: any will do.
    while ((await liveGuard(stateDir)) === null) {
      if (failure || performance.now() > giveUp)
        throw new StackferryError('command_failed', 'The lease guard does not start on this host.', { cause: failure });
      await sleep(limits.lease.guardStartPollMs);
    }
  };

  return {
    ensure: () => {
      starting ??= start().finally(() => {
        starting = null;
      });
      return starting;
    },
  };
}

function spawnGuard(stateDir: string, engine: AgentConfig['engine']): ChildProcess {
  const { STACKFERRY_JOIN_TOKEN: _, ...env } = process.env;
  const child = spawn(process.execPath, [entry, stateDir, JSON.stringify(engine)], {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
    env,
  });
  child.unref();
  return child;
}

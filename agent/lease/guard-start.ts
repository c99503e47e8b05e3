import { type ChildProcess, spawn } from 'node:child_process';
import { sleep } from '../../node/sleep.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { AgentConfig } from '../config.ts';
import { program } from '../program.ts';
import { startGuardContainer } from './guard-container.ts';
import { liveGuard } from './guard-pidfile.ts';
import type { LeaseGuard } from './lease.ts';

/**
 * Starts the lease guard unless one already watches this state directory. It is a detached process in its own session,
 * so it survives the agent's end. A service manager that kills whole control groups would end it too, so the unit sets
 * `KillMode=process`.
 */
export function createLeaseGuard({ stateDir, engine }: Pick<AgentConfig, 'stateDir' | 'engine'>): LeaseGuard {
  let starting: Promise<void> | null = null;

  const start = async () => {
    if ((await liveGuard(stateDir)) !== null) return;
    let failure: Error | null = null;
    const command = [process.execPath, program, 'lease-guard', stateDir, JSON.stringify(engine)];
    if (!(await startGuardContainer(engine, stateDir, command))) {
      const child = spawnGuard(command);
      child.once('error', (error) => {
        failure = error;
      });
      child.once('exit', (code) => {
        if (code !== 0) failure = new Error(`it ended with ${code}`);
      });
    }
    const giveUp = performance.now() + limits.lease.guardStartMsMax;
    // Another agent's start may have created a guard first; any guard will do.
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

function spawnGuard([executable = '', ...args]: string[]): ChildProcess {
  const { STACKFERRY_JOIN_TOKEN: _, ...env } = process.env;
  const child = spawn(executable, args, {
    detached: true,
    stdio: 'ignore',
    cwd: '/',
    env,
  });
  child.unref();
  return child;
}

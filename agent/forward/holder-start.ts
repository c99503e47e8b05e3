import { spawn } from 'node:child_process';
import type { AgentConfig } from '../config.ts';
import { holderContainer, startGuardContainer } from '../lease/guard-container.ts';
import { program } from '../program.ts';

/** Starts a connection holder. Resolves before it listens; one that finds another ends by itself. */
export type StartHolder = () => Promise<void>;

/**
 * A detached process in its own session, as the lease guard is: it outlives the agent, unless a service manager kills whole
 * control groups. It gets none of the agent's secrets.
 */
export function holderStarter({ stateDir, engine }: Pick<AgentConfig, 'stateDir' | 'engine'>): StartHolder {
  const command = [process.execPath, program, 'connection-holder', stateDir];
  return async () => {
    if (await startGuardContainer(engine, stateDir, command, holderContainer)) return;
    const [executable = '', ...args] = command;
    const { STACKFERRY_JOIN_TOKEN: _, STACKFERRY_METRICS_TOKEN: __, ...env } = process.env;
    const child = spawn(executable, args, { detached: true, stdio: 'ignore', cwd: '/', env });
    // Seen by the agent as a holder that does not answer.
    child.once('error', () => {});
    child.unref();
  };
}

import { join } from 'node:path';
import { createLog } from '../../node/log.ts';
import { sleep } from '../../node/sleep.ts';
import { limits } from '../../schema/limits.ts';
import { boundedLogFile } from '../bounded-log-file.ts';
import { agentConfig } from '../config.ts';
import { type GuardedEngine, loadGuardedEngine } from './guard-engine.ts';
import { claimPidfile, liveGuard, releasePidfile } from './guard-pidfile.ts';
import { viewLedger } from './guard-view.ts';
import { watchLeases } from './guard-watch.ts';
import { systemClock } from './lease.ts';

/**
 * `lease-guard STATE-DIR ENGINE-JSON`: a process that the agent starts and that may outlive it. One per state
 * directory; it runs as long as anything on this host runs under a lease.
 */
export async function guardLeases([stateDir = '', engineJson = '']: string[]): Promise<void> {
  const engineConfig = agentConfig.shape.engine.parse(JSON.parse(engineJson));
  const log = createLog(boundedLogFile(join(stateDir, 'lease-guard.log'), limits.lease.guardLogBytesMax));
  // A service manager that stops the agent may signal all of its processes. The guard survives that: it stops
  // everything under a lease, whether or not the agent does too, and exits once nothing is left.
  let ending = false;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      log.info(`${signal}: stopping everything under a lease`);
      ending = true;
    });
  const openEngine = await loadGuardedEngine(engineConfig);
  let opened: Promise<GuardedEngine> | null = null;
  const engine = () => {
    opened ??= openEngine().catch((error) => {
      opened = null;
      throw error;
    });
    return opened;
  };
  const watch = watchLeases({
    view: viewLedger(stateDir, log),
    engine,
    clock: systemClock(),
    log,
    ending: () => ending,
  });

  /** A failed check proves nothing, so it counts as "something is leased". */
  const look = () =>
    watch.look().catch((error) => {
      log.error('the check failed', { error });
      return true;
    });
  const another = async () => {
    const seated = await liveGuard(stateDir);
    return seated !== null && seated !== process.pid;
  };

  if (await another()) return;
  // Before claiming the pidfile, so that a claimed one means the leases have been read.
  await look();
  await claimPidfile(stateDir);
  log.info('watching', { pid: process.pid });
  while (!(await another())) {
    if (!(await look())) {
      await releasePidfile(stateDir);
      // An agent may have taken a lease since the last check, when it still saw the pidfile claimed.
      if (!(await look())) break;
      await claimPidfile(stateDir);
    }
    await sleep(limits.lease.guardPollMs);
  }
  log.info('nothing to guard any more', { pid: process.pid });
}

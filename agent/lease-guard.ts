import { appendFileSync, statSync, truncateSync } from 'node:fs';
import { join } from 'node:path';
import { limits } from '../schema/limits.ts';
import { agentConfig } from './config.ts';
import { systemClock } from './lease.ts';
import { type GuardedEngine, loadGuardedEngine } from './lease-guard-engine.ts';
import { leaveSeat, liveGuard, takeSeat } from './lease-guard-seat.ts';
import { viewLedger } from './lease-guard-view.ts';
import { watchLeases } from './lease-guard-watch.ts';
import { createLog } from './log.ts';
import { sleep } from './sleep.ts';

/**
 * `node lease-guard.ts STATE-DIR ENGINE-JSON`: a process beside the agent, which started it and may die before it.
 * Lives as long as anything on this host runs under a lease; one for each state directory.
 */
async function main([stateDir = '', engineJson = '']: string[]): Promise<void> {
  const engineConfig = agentConfig.shape.engine.parse(JSON.parse(engineJson));
  const log = createLog(boundedFile(join(stateDir, 'lease-guard.log')));
  // A service manager that stops the agent may signal all of its processes. This one outlives that: it stops what is
  // leased, whether the agent does or not, and goes when nothing is.
  let ending = false;
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const)
    process.on(signal, () => {
      log.info(`${signal}: stopping what is leased`);
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

  /** A look that failed tells nothing, so it counts as "something is leased". */
  const look = () =>
    watch.look().catch((error) => {
      log.error('could not look', { error });
      return true;
    });
  const another = async () => {
    const seated = await liveGuard(stateDir);
    return seated !== null && seated !== process.pid;
  };

  if (await another()) return;
  // First, so that whoever sees the seat taken knows that its lease has been read.
  await look();
  await takeSeat(stateDir);
  log.info('watching', { pid: process.pid });
  while (!(await another())) {
    if (!(await look())) {
      await leaveSeat(stateDir);
      // Leased since the last look: its agent may have seen the seat taken still.
      if (!(await look())) break;
      await takeSeat(stateDir);
    }
    await sleep(limits.lease.guardPollMs);
  }
  log.info('nothing to guard any more', { pid: process.pid });
}

/** Begins anew when it is full: of a guard only the latest matters. A log that cannot be written stops no guard. */
function boundedFile(path: string): (line: string) => void {
  return (line) => {
    try {
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (size > limits.lease.guardLogBytesMax) truncateSync(path);
      appendFileSync(path, `${line}\n`, { mode: 0o600 });
    } catch {}
  };
}

await main(process.argv.slice(2));
process.exit(0);

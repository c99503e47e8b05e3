import { setTimeout as sleep } from 'node:timers/promises';
import { StackferryError } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import type { ContainerState } from '../engine.ts';
import type { HealthProbes } from './health-probes.ts';
import type { ContainerRecord, HostRoot } from './host-root.ts';
import { forgetRun, lookAtRun, newRun, type RunState, signalRun, startProcess } from './process-run.ts';
import { processOf } from './service-environment.ts';

export async function runStateOf(host: HostRoot, { run }: ContainerRecord): Promise<RunState | { state: 'created' }> {
  return run ? lookAtRun(host.runs, run) : { state: 'created' };
}

type Seen = Awaited<ReturnType<typeof runStateOf>>;

export const isRunning = ({ state }: Seen): boolean => state === 'running' || state === 'starting';
export const hasFinished = (seen: Seen | undefined): boolean => seen?.state === 'exited' && seen.exit_code === 0;

export async function runsNow(host: HostRoot, record: ContainerRecord): Promise<boolean> {
  return isRunning(await runStateOf(host, record));
}

export async function stateOf(host: HostRoot, record: ContainerRecord, probes: HealthProbes): Promise<ContainerState> {
  const run = await runStateOf(host, record);
  const state = run.state === 'starting' ? 'running' : run.state;
  return {
    id: record.id,
    name: record.name,
    service: record.service,
    state,
    health: state === 'running' ? probes.of(record) : null,
    exit_code: run.state === 'exited' ? run.exit_code : null,
    restart_count: record.restart_count,
    started_at: record.run?.started_at ?? '',
    restart_policy: record.policy,
  };
}

/**
 * Starts a container unless it is running. `prepare` gets the current record, and may change it, or cancel the start
 * with null.
 */
export function startContainer(
  host: HostRoot,
  id: string,
  prepare: (record: ContainerRecord) => Promise<ContainerRecord | null> = async (record) => record,
): Promise<void> {
  return host.exclusive(async () => {
    const found = await host.containers.find(id);
    const record = found && (await prepare(found));
    if (!record) return;
    if (await runsNow(host, record)) {
      if (!record.wanted) await host.containers.put({ ...record, wanted: true });
      return;
    }
    const options = await processOf(host, record);
    const run = newRun();
    await host.containers.put({ ...record, run, wanted: true });
    if (record.run) await forgetRun(host.runs, record.run);
    startProcess(host.runs, run, options);
  });
}

/** Changes the record of a container, if it exists. */
export function changeContainer(host: HostRoot, id: string, change: Partial<ContainerRecord>): Promise<void> {
  return host.exclusive(async () => {
    const record = await host.containers.find(id);
    if (record) await host.containers.put({ ...record, ...change });
  });
}

/**
 * Sends SIGTERM to the process group, SIGKILL after the service's grace period, or `graceMsMax` if that is shorter.
 * Returns true if it had to be killed; throws `engine_error` if even that did not end it.
 */
export async function stopContainer(
  host: HostRoot,
  id: string,
  signal: AbortSignal,
  graceMsMax: number = Number.POSITIVE_INFINITY,
): Promise<boolean> {
  // First, so that no restart policy restarts it meanwhile.
  await changeContainer(host, id, { wanted: false });
  const record = await host.containers.find(id);
  if (!record) return false;
  const graceMs = Math.min(record.spec.stop_grace_ms, graceMsMax);
  if (await ended(host, record, 'SIGTERM', graceMs, signal)) return false;
  if (await ended(host, record, 'SIGKILL', limits.agent.stoppedWaitMsMax, signal)) return true;
  throw new StackferryError('engine_error', `The process of "${record.name}" cannot be ended.`);
}

async function ended(
  host: HostRoot,
  record: ContainerRecord,
  kill: NodeJS.Signals,
  msMax: number,
  signal: AbortSignal,
): Promise<boolean> {
  const deadline = performance.now() + msMax;
  let signalled = false;
  for (;;) {
    const run = await runStateOf(host, record);
    if (run.state === 'created' || run.state === 'exited') return true;
    if (run.state === 'running' && !signalled) {
      signalled = true;
      signalRun(run.pid, kill);
    }
    if (performance.now() > deadline) return false;
    await sleep(20, undefined, { signal });
  }
}

import { limits } from '../../../schema/limits.ts';
import { runStateOf, startContainer } from './containers.ts';
import type { HealthProbes } from './health-probes.ts';
import type { ContainerRecord, HostRoot } from './host-root.ts';

export interface Supervisor {
  close(): Promise<void>;
}

/**
 * Does the background work of Docker's daemon: health probes and restart policies, after a crash and at its own start.
 * At the start `always` also restarts what was stopped manually, unlike `unless-stopped`.
 */
export async function superviseContainers(host: HostRoot, probes: HealthProbes): Promise<Supervisor> {
  const endedAt = new Map<string, number>();
  let closed = false;

  const look = async () => {
    const running: ContainerRecord[] = [];
    for (const record of await host.containers.all()) {
      const run = await runStateOf(host, record);
      if (run.state === 'running') running.push(record);
      if (run.state !== 'exited' || !asksRestart(record, run.exit_code)) {
        endedAt.delete(record.id);
        continue;
      }
      const since = endedAt.get(record.id) ?? performance.now();
      endedAt.set(record.id, since);
      if (performance.now() - since >= limits.agent.embedded.restartDelayMs) await restart(host, record.id);
    }
    probes.look(running);
  };

  for (const record of await host.containers.all()) {
    const { state } = await runStateOf(host, record);
    const back = record.policy.name === 'always' || (record.policy.name === 'unless-stopped' && record.wanted);
    if (back && state === 'exited') await startContainer(host, record.id);
  }

  let looking = Promise.resolve();
  let timer: NodeJS.Timeout;
  const tick = () => {
    if (closed) return;
    // A record that is being replaced or removed is read whole in the next round.
    looking = look().catch(() => {});
    void looking.then(() => {
      if (!closed) timer = setTimeout(tick, limits.agent.embedded.tickMs).unref();
    });
  };
  timer = setTimeout(tick, 0).unref();
  return {
    close: async () => {
      closed = true;
      clearTimeout(timer);
      await looking;
    },
  };
}

function asksRestart({ policy, wanted, restart_count }: ContainerRecord, exitCode: number): boolean {
  if (!wanted) return false;
  if (policy.name === 'always' || policy.name === 'unless-stopped') return true;
  const room = policy.maximum_retry_count === 0 || restart_count < policy.maximum_retry_count;
  return policy.name === 'on-failure' && exitCode !== 0 && room;
}

/** Reads the record again: it may have been disarmed or stopped since the last round. */
function restart(host: HostRoot, id: string): Promise<void> {
  return startContainer(host, id, async (record) => {
    const run = await runStateOf(host, record);
    if (run.state !== 'exited' || !asksRestart(record, run.exit_code)) return null;
    return { ...record, restart_count: record.restart_count + 1 };
  });
}

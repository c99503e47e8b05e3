import { existsSync, readFileSync } from 'node:fs';
import type { DockerRig } from '../docker/docker-rig.ts';
import { type HostName, netnsOf } from '../docker/two-hosts.ts';

/** Samples the CPU time of our processes, so that a step can be measured once its begin and end are known. */
export interface CpuMeter {
  /** CPU seconds of each part between two times, as `Date.now` gives them. */
  between(fromMs: number, toMs: number): Record<string, number>;
  stop(): void;
}

export interface Sample {
  atMs: number;
  /** CPU seconds so far. */
  used: Record<string, number>;
}

const everyMs = 20;
/** USER_HZ, the unit of times in `/proc`: 100 on all common architectures. */
const ticksPerS = 100;

/**
 * Counts user and system time of both agents and the relay, with all threads and every child that has ended (Compose), and
 * of all containers of both hosts: helpers with their tars, guards, and the stack itself, which must be up and should be
 * idle. Does not count the control plane, the Docker engines with runc and shims, or kernel threads such as writeback.
 */
export function startCpuMeter({ hosts, relay }: DockerRig): CpuMeter {
  const samples: Sample[] = [];
  const look = () =>
    void samples.push({
      atMs: Date.now(),
      used: {
        'agent, source': processSeconds(hosts.a.pid),
        'agent, target': processSeconds(hosts.b.pid),
        relay: processSeconds(relay.pid),
        'containers, source': containerSeconds('a'),
        'containers, target': containerSeconds('b'),
      },
    });
  look();
  const timer = setInterval(look, everyMs);
  return {
    between(fromMs, toMs) {
      look();
      const from = usedAt(samples, fromMs);
      const to = usedAt(samples, toMs);
      return Object.fromEntries(Object.entries(to).map(([part, seconds]) => [part, seconds - from[part]!]));
    },
    stop: () => clearInterval(timer),
  };
}

/** Interpolates between two samples. */
export function usedAt(samples: Sample[], atMs: number): Record<string, number> {
  const index = samples.findIndex((sample) => sample.atMs >= atMs);
  const after = samples[index];
  if (!after) throw new Error('there is no sample as late as that');
  const before = samples[index - 1] ?? after;
  const share = after === before ? 1 : (atMs - before.atMs) / (after.atMs - before.atMs);
  return Object.fromEntries(
    Object.entries(after.used).map(([part, seconds]) => {
      const earlier = before.used[part]!;
      return [part, earlier + (seconds - earlier) * share];
    }),
  );
}

const processSeconds = (pid: number) => secondsOfStat(readFileSync(`/proc/${pid}/stat`, 'utf8'));

/** User and system time of a process and of its children that it has waited for, out of `/proc/PID/stat`. */
export function secondsOfStat(stat: string): number {
  // The program's name may hold anything, so fields are counted from its closing parenthesis: the third comes next.
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  const ticks = fields.slice(11, 15).reduce((sum, field) => sum + Number(field), 0);
  return ticks / ticksPerS;
}

/** Containers of the host that run or have run. */
function containerSeconds(host: HostName): number {
  const [root, group] = ['/sys/fs/cgroup', netnsOf(host)];
  if (existsSync(`${root}/cpuacct`))
    return Number(readFileSync(`${root}/cpuacct/${group}/cpuacct.usage`, 'utf8')) / 1e9;
  const stat = readFileSync(`${root}/${group}/cpu.stat`, 'utf8');
  return Number(/^usage_usec (\d+)$/m.exec(stat)?.[1] ?? Number.NaN) / 1e6;
}

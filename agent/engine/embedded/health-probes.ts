import { execFile } from 'node:child_process';
import { limits } from '../../../schema/limits.ts';
import type { ContainerState } from '../engine.ts';
import type { ContainerRecord, HostRoot } from './host-root.ts';
import { processOf } from './service-environment.ts';
import type { Healthcheck } from './stack-file.ts';

type Health = NonNullable<ContainerState['health']>;

interface Probed {
  run: string;
  health: Health;
  failures: number;
  /** Milliseconds of the process clock. */
  dueAt: number;
  probing: boolean;
}

/** Health in memory: after an agent's restart a container is `starting` until its next probe. */
export interface HealthProbes {
  of(record: ContainerRecord): ContainerState['health'];
  /** Starts the due probes, without waiting for their results. */
  look(running: ContainerRecord[]): void;
}

export function createHealthProbes(host: HostRoot): HealthProbes {
  const probed = new Map<string, Probed>();
  return {
    of: ({ id, spec, run }) => {
      if (!spec.healthcheck) return null;
      const known = probed.get(id);
      return known && known.run === run?.id ? known.health : 'starting';
    },
    look: (running) => {
      const now = performance.now();
      for (const record of running) {
        const { healthcheck } = record.spec;
        if (!healthcheck || !record.run) continue;
        const known = probed.get(record.id);
        const current: Probed =
          known?.run === record.run.id
            ? known
            : { run: record.run.id, health: 'starting', failures: 0, dueAt: 0, probing: false };
        probed.set(record.id, current);
        if (current.probing || current.dueAt > now) continue;
        current.probing = true;
        void probe(host, record, healthcheck).then((well) => {
          current.probing = false;
          current.dueAt = performance.now() + healthcheck.interval_ms;
          current.failures = well ? 0 : current.failures + 1;
          if (well) current.health = 'healthy';
          else if (current.failures >= healthcheck.retries) current.health = 'unhealthy';
        });
      }
    },
  };
}

async function probe(host: HostRoot, record: ContainerRecord, healthcheck: Healthcheck): Promise<boolean> {
  try {
    return 'command' in healthcheck
      ? await probeByCommand(host, record, healthcheck.command)
      : await probeByHttp(healthcheck.http_port, healthcheck.path);
  } catch {
    return false;
  }
}

async function probeByHttp(port: number, path: string): Promise<boolean> {
  const response = await fetch(new URL(path, `http://127.0.0.1:${port}`), {
    signal: AbortSignal.timeout(limits.agent.embedded.probeMsMax),
  });
  await response.body?.cancel();
  return response.ok;
}

async function probeByCommand(host: HostRoot, record: ContainerRecord, argv: string[]): Promise<boolean> {
  const { command, cwd, env } = await processOf(host, record, argv);
  const [program = '', ...args] = command;
  return new Promise((resolve) => {
    execFile(program, args, { cwd, env, timeout: limits.agent.embedded.probeMsMax, killSignal: 'SIGKILL' }, (error) =>
      resolve(error === null),
    );
  });
}

import type { ContainerPrior } from '../../../schema/commands/parts.ts';
import { limits } from '../../../schema/limits.ts';
import type { ContainerState } from '../../engine/engine.ts';

type RestartPolicy = ContainerPrior['restart_policy'];

export interface Run {
  /** When the current run was first seen. */
  since: number;
  restarts: number;
  /** It has ended, and its policy allows another start. */
  comesBack: boolean;
  /** Something restarted it although its policy does not. */
  unwanted: boolean;
}

export interface Restarter {
  /** Processes one poll and starts the containers that are due. */
  follow(containers: ContainerState[], now: number): Promise<void>;
  runOf(container: ContainerState): Run;
}

interface Watched extends Run {
  started_at: string;
  restart_count: number;
  /** Null while it runs, or must not be restarted. */
  startAt: number | null;
}

/**
 * Applies restart policies as the Engine would, which can't while they are off: a stack under verification runs under a
 * lease, and only the agent may start it. Without `start` it only watches the Engine do so.
 */
export function createRestarter(options: {
  policyOf: (container: ContainerState) => RestartPolicy;
  start: ((id: string) => Promise<void>) | undefined;
}): Restarter {
  const runs = new Map<string, Watched>();

  const look = (container: ContainerState, now: number): Watched => {
    const { id, started_at, restart_count, exit_code } = container;
    const run = runs.get(id) ?? { ...fresh, started_at, restart_count, since: now };
    runs.set(id, run);
    const policy = options.policyOf(container);
    if (run.started_at !== started_at || run.restart_count !== restart_count) {
      // An end that was seen leads to a restart by this agent, or by an Engine that applies the policy.
      if (run.startAt === null && !asksRestart(policy, run.restarts, 1)) run.unwanted = true;
      Object.assign(run, { started_at, restart_count, since: now, restarts: run.restarts + 1, startAt: null });
    }
    const ended = hasEnded(container);
    run.comesBack = ended && asksRestart(policy, run.restarts, exit_code ?? 1);
    if (run.comesBack) run.startAt ??= now + delayOf(run.restarts);
    return run;
  };

  return {
    follow: async (containers, now) => {
      const watched = containers.map((container) => ({ container, run: look(container, now) }));
      for (const { container, run } of watched) {
        const due = run.comesBack && container.state !== 'restarting' && run.startAt !== null && now >= run.startAt;
        if (due) await options.start?.(container.id);
      }
    },
    runOf: ({ id }) => runs.get(id) ?? { ...fresh, since: Number.POSITIVE_INFINITY },
  };
}

const fresh = { restarts: 0, comesBack: false, unwanted: false, startAt: null };

const hasEnded = ({ state }: ContainerState) => state === 'exited' || state === 'dead' || state === 'restarting';

function asksRestart({ name, maximum_retry_count }: RestartPolicy, restarts: number, exitCode: number): boolean {
  if (name === 'always' || name === 'unless-stopped') return true;
  return name === 'on-failure' && exitCode !== 0 && (maximum_retry_count === 0 || restarts < maximum_retry_count);
}

/** Doubles each time, like the Engine's backoff. */
function delayOf(restarts: number): number {
  const { restartDelayMsMin, restartDelayMsMax } = limits.health;
  return Math.min(restartDelayMsMax, restartDelayMsMin * 2 ** restarts);
}

import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { ContainerState } from '../engine/engine.ts';
import { sleep } from '../sleep.ts';

export interface HealthClock {
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/** What one container has shown so far. */
type Verdict = { kind: 'well'; state: string } | { kind: 'waiting'; state: string } | { kind: 'failed'; why: string };

interface Watch {
  started_at: string;
  restart_count: number;
  runningSince: number;
}

/**
 * Waits until every service is well in one and the same look:
 *
 *   with a healthcheck      running and healthy; `unhealthy` fails at once (F32)
 *   without                 running, and for `settleMs` neither restarted nor started anew (F31)
 *   one-shot                exited 0; any other code fails (F33)
 *
 * Throws `unhealthy`, or `health_timeout` for what is neither well nor failed in time (F34); both name the service.
 */
export async function awaitHealth(options: {
  services: string[];
  oneShots: string[];
  look: () => Promise<ContainerState[]>;
  timeoutMs: number;
  settleMs: number;
  signal: AbortSignal;
  clock?: HealthClock;
}): Promise<{ service: string; state: string }[]> {
  const clock = options.clock ?? systemClock;
  const services = [...new Set([...options.services, ...options.oneShots])];
  const watches = new Map<string, Watch>();
  const deadline = clock.now() + options.timeoutMs;

  for (;;) {
    options.signal.throwIfAborted();
    const containers = await options.look();
    const verdicts = services.map((service) => {
      const own = containers.filter((container) => container.service === service);
      const oneShot = options.oneShots.includes(service);
      const judge = (container: ContainerState) =>
        oneShot ? judgeJob(container) : judgeDaemon(container, watches, clock.now(), options.settleMs);
      return { service, verdict: worst(own.map(judge)) };
    });
    for (const { service, verdict } of verdicts) {
      if (verdict.kind === 'failed') throw new StackferryError('unhealthy', `Service "${service}" ${verdict.why}.`);
    }
    const waiting = verdicts.filter(({ verdict }) => verdict.kind === 'waiting');
    if (waiting.length === 0) return verdicts.map(({ service, verdict }) => ({ service, state: stateOf(verdict) }));
    if (clock.now() >= deadline) throw timedOut(waiting, options.timeoutMs);
    await clock.sleep(limits.health.pollMs, options.signal);
  }
}

function judgeJob({ state, exit_code }: ContainerState): Verdict {
  if (state === 'exited' || state === 'dead') {
    return exit_code === 0
      ? { kind: 'well', state: 'exited 0' }
      : { kind: 'failed', why: `is a job and ended with exit code ${exit_code}` };
  }
  return { kind: 'waiting', state };
}

function judgeDaemon(container: ContainerState, watches: Map<string, Watch>, now: number, settleMs: number): Verdict {
  const { id, state, health, exit_code, started_at, restart_count } = container;
  const watch = watches.get(id);
  if (watch && (watch.started_at !== started_at || watch.restart_count !== restart_count)) {
    return { kind: 'failed', why: 'crashed and was started again while it was watched' };
  }
  if (state === 'exited' || state === 'dead' || state === 'removing') {
    return { kind: 'failed', why: `has ended (${state}, exit code ${exit_code})` };
  }
  if (state === 'restarting') return { kind: 'failed', why: 'crashes and restarts' };
  if (state !== 'running') return { kind: 'waiting', state };
  const { runningSince } = watch ?? { runningSince: now };
  if (!watch) watches.set(id, { started_at, restart_count, runningSince });
  if (health === 'unhealthy') return { kind: 'failed', why: 'is unhealthy: its healthcheck fails' };
  if (health !== null) return { kind: health === 'healthy' ? 'well' : 'waiting', state: health };
  return now - runningSince >= settleMs ? { kind: 'well', state: 'running' } : { kind: 'waiting', state: 'settling' };
}

/** A service is as well as its worst replica; one without any container waits. */
function worst(verdicts: Verdict[]): Verdict {
  return (
    verdicts.find(({ kind }) => kind === 'failed') ??
    verdicts.find(({ kind }) => kind === 'waiting') ??
    verdicts[0] ?? { kind: 'waiting', state: 'absent' }
  );
}

function stateOf(verdict: Verdict): string {
  return verdict.kind === 'failed' ? verdict.why : verdict.state;
}

function timedOut(waiting: { service: string; verdict: Verdict }[], timeoutMs: number): StackferryError {
  const who = waiting.map(({ service, verdict }) => `"${service}" (still ${stateOf(verdict)})`).join(', ');
  return new StackferryError('health_timeout', `Not well after ${Math.round(timeoutMs / 1000)} s: ${who}.`);
}

const systemClock: HealthClock = {
  now: () => performance.now(),
  sleep,
};

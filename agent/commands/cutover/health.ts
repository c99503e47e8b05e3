import { sleep } from '../../../node/sleep.ts';
import type { ContainerPrior } from '../../../schema/commands/parts.ts';
import { limits } from '../../../schema/limits.ts';
import type { ContainerState } from '../../engine/engine.ts';
import { idsOf } from './container-states.ts';
import { createRestarter, type Restarter } from './restarter.ts';
import { UnwellService } from './unwell.ts';

export interface HealthClock {
  now(): number;
  sleep(ms: number, signal: AbortSignal): Promise<void>;
}

/**
 * What a service must reach:
 *
 *   well         with a healthcheck: running and healthy; `unhealthy` fails at once (F32). Without one: running,
 *                and neither ended nor restarted for `settleMs` (F31), or for `acceptedSettleMs` if it accepts
 *                connections at every port that it publishes
 *   job          exited 0 (F33)
 *   ran          as `well`, or exited 0: it may have been a job
 *   running      as `well`, ignoring the healthcheck: it was unhealthy before
 *   paused       paused
 *   anything     always passes: it did not run before, or was in a crash loop
 */
export type Expectation = 'well' | 'job' | 'ran' | 'running' | 'paused' | 'anything';

type HealthVerdict = { kind: 'well' | 'waiting'; state: string } | { kind: 'failed'; why: string };

export interface HealthWatch {
  expected: ReadonlyMap<string, Expectation>;
  look: () => Promise<ContainerState[]>;
  timeoutMs: number;
  settleMs: number;
  /** A promise of the next change of a healthcheck, for which the next look need not wait. */
  changed?: (() => Promise<void>) | undefined;
  /** Whether these containers accept connections at every port that they publish; without those that publish none. */
  accepting?: ((ids: string[]) => Promise<Map<string, boolean>>) | undefined;
  signal: AbortSignal;
  /** The restart policy. With `start` the agent applies it, because the engine's is off; without, the engine does. */
  policyOf?: (container: ContainerState) => ContainerPrior['restart_policy'];
  start?: (id: string) => Promise<void>;
  /** At the deadline, accept a healthcheck that is still `starting`. */
  startingSuffices?: boolean;
  clock?: HealthClock;
}

/**
 * Polls until every service meets its expectation in the same poll. A container that ends is restarted according to its
 * policy and judged by its later state. Throws `unhealthy`, or `health_timeout` (F34) if a service is still undecided
 * at the deadline; both name the service.
 */
export async function awaitHealth(watch: HealthWatch): Promise<{ service: string; state: string }[]> {
  const { expected, look, timeoutMs, settleMs, signal, policyOf, start, clock = systemClock } = watch;
  const restarter = createRestarter({ policyOf: policyOf ?? (({ restart_policy }) => restart_policy), start });
  const deadline = clock.now() + timeoutMs;

  for (;;) {
    signal.throwIfAborted();
    // Before the look, so that none is missed after it.
    const changed = watch.changed?.();
    const containers = await look();
    const now = clock.now();
    await restarter.follow(containers, now);
    // One connection is enough for an app that accepts it: some count those that say nothing.
    const isOpen = (container: ContainerState) => {
      const ranFor = now - restarter.runOf(container).since;
      return hasNoCheck(container) && ranFor >= limits.health.acceptedSettleMs && ranFor < settleMs;
    };
    const open = idsOf(containers.filter(isOpen));
    const accepting = (open.length > 0 && (await watch.accepting?.(open))) || new Map<string, boolean>();
    const settledAt = ({ id }: ContainerState) => now - (accepting.get(id) ? limits.health.acceptedSettleMs : settleMs);
    const verdicts = [...expected].map(([service, expectation]) => {
      const own = containers.filter((container) => container.service === service);
      return {
        service,
        verdict: worst(own.map((container) => judge(container, expectation, restarter, settledAt(container)))),
      };
    });
    const failed = verdicts.find(({ verdict }) => verdict.kind === 'failed');
    if (failed)
      throw new UnwellService('unhealthy', `Service "${failed.service}" ${stateOf(failed.verdict)}.`, failed.service);
    const late = now >= deadline;
    const waiting = verdicts.filter(
      ({ verdict }) =>
        verdict.kind === 'waiting' && !(late && watch.startingSuffices && stateOf(verdict) === 'starting'),
    );
    if (waiting.length === 0) return verdicts.map(({ service, verdict }) => ({ service, state: stateOf(verdict) }));
    if (late) throw timedOut(waiting, timeoutMs);
    await Promise.race([clock.sleep(limits.health.pollMs, signal), ...(changed ? [changed] : [])]);
  }
}

const hasNoCheck = ({ state, health }: ContainerState) => state === 'running' && health === null;

function judge(
  container: ContainerState,
  expectation: Expectation,
  restarter: Restarter,
  settledAt: number,
): HealthVerdict {
  const { state } = container;
  if (expectation === 'anything') return { kind: 'well', state };
  if (expectation === 'paused') return { kind: state === 'paused' ? 'well' : 'waiting', state };
  return judgeRun(container, expectation, restarter, settledAt);
}

function judgeRun(
  container: ContainerState,
  expectation: 'well' | 'job' | 'ran' | 'running',
  restarter: Restarter,
  settledAt: number,
): HealthVerdict {
  const { state, exit_code } = container;
  const ended = state === 'exited' || state === 'dead' || state === 'removing';
  if (ended && exit_code === 0 && expectation !== 'well' && expectation !== 'running')
    return { kind: 'well', state: 'exited 0' };
  const run = restarter.runOf(container);
  if (ended || state === 'restarting' || run.unwanted) {
    if (run.comesBack) return { kind: 'waiting', state: `restarting, ${run.restarts} times so far` };
    const times = run.restarts > 0 ? `, after ${run.restarts} restarts` : '';
    if (run.unwanted || !ended) return { kind: 'failed', why: 'crashed and was restarted during verification' };
    const what = expectation === 'job' ? 'is a job and ended' : 'has ended';
    return { kind: 'failed', why: `${what} (${state}, exit code ${exit_code})${times}` };
  }
  if (state !== 'running' || expectation === 'job') return { kind: 'waiting', state };
  return judgeRunning(container, expectation, run.since <= settledAt);
}

function judgeRunning(
  { health }: ContainerState,
  expectation: 'well' | 'ran' | 'running',
  settled: boolean,
): HealthVerdict {
  if (health === null || expectation === 'running')
    return settled ? { kind: 'well', state: health ?? 'running' } : { kind: 'waiting', state: 'settling' };
  if (health === 'unhealthy') return { kind: 'failed', why: 'is unhealthy: its healthcheck fails' };
  if (health === 'healthy') return { kind: 'well', state: health };
  // A container in a crash loop also reports `starting` now and then.
  return { kind: 'waiting', state: settled ? health : 'settling' };
}

/** Returns the verdict of the worst replica. A service without containers is waiting. */
function worst(verdicts: HealthVerdict[]): HealthVerdict {
  return (
    verdicts.find(({ kind }) => kind === 'failed') ??
    verdicts.find(({ kind }) => kind === 'waiting') ??
    verdicts[0] ?? { kind: 'waiting', state: 'absent' }
  );
}

function stateOf(verdict: HealthVerdict): string {
  return verdict.kind === 'failed' ? verdict.why : verdict.state;
}

function timedOut(waiting: { service: string; verdict: HealthVerdict }[], timeoutMs: number): UnwellService {
  const who = waiting.map(({ service, verdict }) => `"${service}" (still ${stateOf(verdict)})`).join(', ');
  const first = waiting[0]?.service ?? '';
  return new UnwellService('health_timeout', `Not healthy after ${Math.round(timeoutMs / 1000)} s: ${who}.`, first);
}

const systemClock: HealthClock = {
  now: () => performance.now(),
  sleep,
};

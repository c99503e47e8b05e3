import type { StackService } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import type { Container } from '../stack/containers.ts';

/** The state of a service that does not simply run, by its worst container; null if it runs or completed its job. */
export function unwellStateOf(containers: Container[], isJob: boolean): StackService['unwell'] {
  const has = (status: Container['State']['Status']) => containers.some(({ State }) => State.Status === status);
  if (has('restarting')) return 'restarting';
  if (containers.some(({ State }) => State.Status === 'running' && State.Health?.Status === 'unhealthy'))
    return 'unhealthy';
  if (has('paused')) return 'paused';
  return isJob || has('running') ? null : 'stopped';
}

/** Docker's defaults for a healthcheck. */
const defaults = { interval: 30, timeout: 30, retries: 3 };
const secondsPerNanosecond = 1e-9;

/** Longest time from a container's start to its healthcheck's verdict, in seconds; null without a healthcheck. */
export function healthWaitOf({ State, Config }: Container): number | null {
  return State.Health ? verdictSecondsOf(Config.Healthcheck) : null;
}

/** Time that starting these may take if each waits until the one before is healthy. The Engine adds `State.Health` at a start. */
export function startWaitMs(containers: Container[]): number {
  const seconds = containers.reduce((sum, { Config }) => sum + (verdictSecondsOf(Config.Healthcheck) ?? 0), 0);
  return Math.min(limits.health.timeoutSMax, seconds) * 1_000;
}

function verdictSecondsOf(healthcheck: Container['Config']['Healthcheck']): number | null {
  if (!healthcheck) return null;
  const { Interval, Timeout, Retries, StartPeriod } = healthcheck;
  const seconds = (nanoseconds: number | undefined) => (nanoseconds ?? 0) * secondsPerNanosecond;
  const round = (seconds(Interval) || defaults.interval) + (seconds(Timeout) || defaults.timeout);
  return Math.ceil(seconds(StartPeriod) + (Retries || defaults.retries) * round);
}

/** The longest of a service's containers. */
export function slowestHealthcheck(containers: Container[]): number | null {
  const waits = containers.map(healthWaitOf).filter((wait) => wait !== null);
  return waits.length > 0 ? Math.max(...waits) : null;
}

import type { StackService } from '../../../schema/facts.ts';
import type { Container } from './containers.ts';

/** What keeps a service from simply running, by its worst container; null where nothing does, or it has done its job. */
export function unwellStateOf(containers: Container[], isJob: boolean): StackService['unwell'] {
  const has = (status: Container['State']['Status']) => containers.some(({ State }) => State.Status === status);
  if (has('restarting')) return 'restarting';
  if (containers.some(({ State }) => State.Status === 'running' && State.Health?.Status === 'unhealthy'))
    return 'unhealthy';
  if (has('paused')) return 'paused';
  return isJob || has('running') ? null : 'stopped';
}

/** What Docker takes where a healthcheck does not say. */
const defaults = { interval: 30, timeout: 30, retries: 3 };
const secondsPerNanosecond = 1e-9;

/** From the start of a container until its healthcheck has decided, at the longest; null where it has none. */
export function healthWaitOf({ State, Config }: Container): number | null {
  if (!State.Health || !Config.Healthcheck) return null;
  const { Interval, Timeout, Retries, StartPeriod } = Config.Healthcheck;
  const seconds = (nanoseconds: number | undefined) => (nanoseconds ?? 0) * secondsPerNanosecond;
  const round = (seconds(Interval) || defaults.interval) + (seconds(Timeout) || defaults.timeout);
  return Math.ceil(seconds(StartPeriod) + (Retries || defaults.retries) * round);
}

/** The slowest of a service's containers. */
export function slowestHealthcheck(containers: Container[]): number | null {
  const waits = containers.map(healthWaitOf).filter((wait) => wait !== null);
  return waits.length > 0 ? Math.max(...waits) : null;
}

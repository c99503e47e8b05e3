import type { SeenContainer } from '../../../schema/commands/parts.ts';
import { limits } from '../../../schema/limits.ts';

/**
 * How a running stack differs from what it was, in words, one for each service; none if either is unknown. A job that has
 * ended well since is no difference, unless nothing runs any more.
 */
export function stackChanges(before: readonly SeenContainer[], now: readonly SeenContainer[]): string[] {
  if (before.length === 0) return [];
  if (now.length === 0) return ['its containers are gone'];
  const ran = before.some(({ state }) => state === 'running');
  if (ran && now.every(({ state }) => state !== 'running')) return ['it was stopped'];
  const services = [...new Set([...before, ...now].map(({ service }) => service))].sort();
  return services
    .flatMap((service) => {
      const change = changeOf(ofService(before, service), ofService(now, service));
      return change === null ? [] : [`service ${service} ${change}`];
    })
    .slice(0, limits.hold.changesMax);
}

const ofService = (containers: readonly SeenContainer[], service: string) =>
  containers.filter((container) => container.service === service);

function changeOf(before: SeenContainer[], now: SeenContainer[]): string | null {
  if (before.length === 0) return 'was added';
  if (now.length === 0) return 'was removed';
  if (idsOf(before) !== idsOf(now)) return 'has other containers: it was deployed again or scaled';
  const stopped = now.some(
    ({ id, state }) => state === 'stopped' && before.some((one) => one.id === id && one.state === 'running'),
  );
  return stopped ? 'was stopped' : null;
}

const idsOf = (containers: SeenContainer[]) =>
  containers
    .map(({ id }) => id)
    .sort()
    .join(' ');

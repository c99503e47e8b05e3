import type { ContainerPrior } from '../../../schema/commands/parts.ts';
import type { Deployment } from '../../../schema/deployment.ts';
import type { UnwellState } from '../../../schema/facts.ts';
import { mayEnd } from './container-states.ts';
import type { Expectation } from './health.ts';

const ofUnwell: Record<UnwellState, Expectation> = {
  stopped: 'anything',
  paused: 'paused',
  unhealthy: 'running',
  restarting: 'anything',
};

/** What each service of a moved stack must reach; its state before the move decides. */
export function expectedOfMove({ services, one_shots, before }: Deployment): Map<string, Expectation> {
  const expected = new Map<string, Expectation>(services.map((service) => [service, 'well']));
  for (const service of one_shots) expected.set(service, 'job');
  for (const { service, state } of before) expected.set(service, ofUnwell[state]);
  return expected;
}

/** What each restored service must reach, by its recorded state. Leaves out services that did not run. */
export function expectedOf(prior: ContainerPrior[]): Map<string, Expectation> {
  const byService = Map.groupBy(
    prior.filter(({ running }) => running),
    ({ service }) => service,
  );
  return new Map([...byService].map(([service, own]) => [service, ofContainers(own)]));
}

function ofContainers(own: ContainerPrior[]): Expectation {
  if (own.some(({ state }) => state === 'restarting')) return 'anything';
  if (own.some(({ health }) => health === 'unhealthy')) return 'running';
  if (own.some(({ state }) => state === 'paused')) return 'paused';
  return own.every(({ restart_policy }) => mayEnd(restart_policy)) ? 'ran' : 'well';
}

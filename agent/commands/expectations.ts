import type { ContainerPrior, Deployment } from '../../schema/agent-protocol.ts';
import type { UnwellState } from '../../schema/facts.ts';
import type { Expectation } from './health.ts';

const ofUnwell: Record<UnwellState, Expectation> = {
  stopped: 'anything',
  paused: 'paused',
  unhealthy: 'running',
  restarting: 'anything',
};

/** What the services of a moved stack have to show: what they were before decides. */
export function expectedOfMove({ services, one_shots, before }: Deployment): Map<string, Expectation> {
  const expected = new Map<string, Expectation>(services.map((service) => [service, 'well']));
  for (const service of one_shots) expected.set(service, 'job');
  for (const { service, state } of before) expected.set(service, ofUnwell[state]);
  return expected;
}

/** The same of containers that are put back as they were recorded; what did not run has nothing to show. */
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
  const mayEnd = own.every(
    ({ restart_policy }) => restart_policy.name === 'no' || restart_policy.name === 'on-failure',
  );
  return mayEnd ? 'ran' : 'well';
}

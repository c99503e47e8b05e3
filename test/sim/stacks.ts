import type { World } from './world.ts';

export type PolicyName = 'no' | 'always' | 'unless-stopped' | 'on-failure';

export interface ServiceSpec {
  name: string;
  oneShot: boolean;
  healthcheck: boolean;
  policy: PolicyName;
  /** From its start until it is healthy, or, as a job, has ended. */
  readyMs: number;
  /** From SIGTERM to its end. Longer than its stop timeout: it is killed (F25). */
  stopMs: number;
  volumes: string[];
}

/** A Compose project as its file says. */
export interface StackSpec {
  id: string;
  project: string;
  home: string;
  directory: string;
  services: ServiceSpec[];
  /** Volumes by name, bind mounts by path. */
  volumes: string[];
}

export const stopTimeoutMs = 10_000;

export function stackSpecs(world: World, count: number): StackSpec[] {
  return Array.from({ length: count }, (_, index) => stackSpec(world, index));
}

function stackSpec({ random, hosts }: World, index: number): StackSpec {
  const project = `app${index + 1}`;
  // Every other stack has its second tree in a bind mount.
  const more = index % 2 === 0 ? `/data/${project}` : `${project}_more`;
  const volumes = [`${project}_data`, ...(random.chance(0.4) ? [more] : [])];
  const service = (name: string, over: Partial<ServiceSpec>): ServiceSpec => ({
    name,
    oneShot: false,
    healthcheck: random.chance(0.5),
    policy: random.pick(['always', 'unless-stopped', 'no', 'on-failure']),
    readyMs: random.between(300, 6_000),
    stopMs: random.chance(0.1) ? 60_000 : random.between(50, 4_000),
    volumes,
    ...over,
  });
  return {
    id: `stack${index + 1}`,
    project,
    home: random.pick(hosts).id,
    directory: `/srv/${project}`,
    services: [
      service('db', {}),
      ...(random.chance(0.5) ? [service('web', { volumes: [] })] : []),
      ...(random.chance(0.3) ? [service('migrate', { oneShot: true, policy: 'no', healthcheck: false })] : []),
    ],
    volumes,
  };
}

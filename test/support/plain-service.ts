import type { StackFacts } from '../../schema/facts.ts';

type Service = StackFacts['services'][number];

/** A service that runs and asks for nothing special. */
export const plainService = (name: string, image: Service['image']): Service => ({
  name,
  image,
  replicas: 1,
  running: 1,
  has_healthcheck: false,
  one_shot: false,
  unwell: null,
  health_wait_s: null,
  builds: false,
  ports: [],
  devices: [],
  runtime: null,
  device_requests: [],
  stop_hooks: false,
  powers: [],
  keys: ['image'],
});

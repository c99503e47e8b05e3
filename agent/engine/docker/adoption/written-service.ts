import { nameOf } from '../stack/containers.ts';
import type { Adoptable, ImageDefaults } from './adoptable.ts';
import { hostSettings, type Service, unwrittenSettings } from './host-settings.ts';
import { writtenMounts } from './written-mounts.ts';
import { sharedNamespaces, type WrittenService, writtenNetworks, writtenPorts } from './written-network.ts';

/**
 * Writes a container as a service of a Compose file: every setting that differs from its image's and from what the Engine
 * gives by itself. `group`: the containers that are written into the same file.
 */
export function writtenService(
  container: Adoptable,
  image: Partial<ImageDefaults> | null,
  group: Adoptable[],
): WrittenService {
  const { HostConfig } = container;
  const host = Object.entries(hostSettings).map(([key, written]) => written(HostConfig[key], HostConfig));
  const namespaces = sharedNamespaces(container, group);
  return {
    service: {
      image: container.Config.Image,
      container_name: nameOf(container),
      ...ofConfiguration(container, image ?? {}),
      ...merged(host),
      ...namespaces.service,
      ...writtenNetworks(container),
      ...writtenPorts(container, image ?? {}),
      ...writtenMounts(container, image ?? {}),
    },
    unwritten: [
      ...unwrittenSettings(HostConfig),
      ...namespaces.unwritten,
      ...(container.Config.NetworkDisabled ? ['NetworkDisabled'] : []),
    ],
  };
}

/** Two settings may add to one list, as of `security_opt`. */
function merged(parts: Service[]): Service {
  const service: Service = {};
  for (const [key, value] of parts.flatMap(Object.entries)) {
    const before = service[key];
    service[key] = Array.isArray(before) && Array.isArray(value) ? [...before, ...value] : value;
  }
  return service;
}

const same = (one: unknown, other: unknown) => JSON.stringify(one ?? null) === JSON.stringify(other ?? null);

function ofConfiguration({ Config }: Adoptable, image: Partial<ImageDefaults>): Service {
  const ownEntrypoint = !same(Config.Entrypoint, image.Entrypoint ?? []);
  const environment = Config.Env.filter((entry) => !(image.Env ?? []).includes(entry));
  const labels = Object.entries(Config.Labels).filter(([name, value]) => image.Labels?.[name] !== value);
  const differs = (key: 'User' | 'WorkingDir' | 'Domainname' | 'StopSignal') =>
    Config[key] !== '' && Config[key] !== (image[key] ?? '');
  return {
    ...(ownEntrypoint ? { entrypoint: Config.Entrypoint } : {}),
    // An entrypoint in the file takes the image's command away.
    ...(ownEntrypoint || !same(Config.Cmd, image.Cmd ?? []) ? { command: Config.Cmd } : {}),
    ...(environment.length > 0 ? { environment } : {}),
    ...(labels.length > 0 ? { labels: Object.fromEntries(labels) } : {}),
    ...(differs('User') ? { user: Config.User } : {}),
    ...(differs('WorkingDir') ? { working_dir: Config.WorkingDir } : {}),
    ...(Config.Hostname === '' ? {} : { hostname: Config.Hostname }),
    ...(differs('Domainname') ? { domainname: Config.Domainname } : {}),
    ...(differs('StopSignal') ? { stop_signal: Config.StopSignal } : {}),
    ...(Config.StopTimeout == null ? {} : { stop_grace_period: `${Config.StopTimeout}s` }),
    ...(Config.Tty ? { tty: true } : {}),
    ...(Config.OpenStdin ? { stdin_open: true } : {}),
    ...(same(Config.Healthcheck, image.Healthcheck ?? {}) ? {} : healthcheckOf(Config.Healthcheck)),
  };
}

/** Times in nanoseconds. */
function healthcheckOf({ Test, Interval, Timeout, StartPeriod, StartInterval, Retries }: Record<string, unknown>) {
  const time = (attribute: string, ns: unknown) => (Number(ns ?? 0) > 0 ? { [attribute]: `${Number(ns)}ns` } : {});
  if (same(Test, ['NONE'])) return { healthcheck: { disable: true } };
  return {
    healthcheck: {
      ...(Array.isArray(Test) && Test.length > 0 ? { test: Test } : {}),
      ...time('interval', Interval),
      ...time('timeout', Timeout),
      ...time('start_period', StartPeriod),
      ...time('start_interval', StartInterval),
      ...(Number(Retries ?? 0) > 0 ? { retries: Number(Retries) } : {}),
    },
  };
}

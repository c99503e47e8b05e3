import { stringify } from 'yaml';
import { nameOf } from '../stack/containers.ts';
import type { Volume } from '../stack/volumes.ts';
import type { Adoptable, ImageDefaults } from './adoptable.ts';
import type { Service } from './host-settings.ts';
import { namedVolumes } from './written-mounts.ts';
import { ownNetworks } from './written-network.ts';
import { writtenService } from './written-service.ts';

export interface Described {
  container: Adoptable;
  image: Partial<ImageDefaults> | null;
}

export interface WrittenProject {
  /** A Compose file, with the values of environment variables. */
  text: string;
  /** What it can't say: `web: Links`. */
  unwritten: string[];
}

/** Writes a Compose file of which Compose would make these containers, beside the volumes and networks that are there. */
export function writtenProject(stack: string, described: Described[], volumes: Volume[]): WrittenProject {
  const group = described.map(({ container }) => container);
  const services = described.map(({ container, image }) => ({
    name: nameOf(container),
    ...writtenService(container, image, group),
  }));
  const networks = unique(group.flatMap(ownNetworks));
  const named = unique(group.flatMap(namedVolumes));
  const model = {
    name: stack,
    services: Object.fromEntries(services.map(({ name, service }) => [name, service])),
    ...section('volumes', named, (name) => ({ name, ...optionsOf(volumes.find(({ Name }) => Name === name)) })),
    // Compose would refuse a network that it did not make itself.
    ...section('networks', networks, (name) => ({ name, external: true })),
  };
  return {
    text: stringify(escaped(model), { lineWidth: 0, defaultStringType: 'QUOTE_DOUBLE', defaultKeyType: 'PLAIN' }),
    unwritten: services.flatMap(({ name, unwritten }) => unwritten.map((setting) => `${name}: ${setting}`)),
  };
}

const unique = (names: string[]) => [...new Set(names)].sort();

const section = (key: string, names: string[], of: (name: string) => Service) =>
  names.length > 0 ? { [key]: Object.fromEntries(names.map((name) => [name, of(name)])) } : {};

const optionsOf = (volume: Volume | undefined): Service => ({
  ...(volume && volume.Driver !== 'local' ? { driver: volume.Driver } : {}),
  ...(volume && Object.keys(volume.Options).length > 0 ? { driver_opts: volume.Options } : {}),
});

/** Compose replaces variables in every value. */
const escaped = (model: unknown): unknown =>
  JSON.parse(JSON.stringify(model), (_, value) => (typeof value === 'string' ? value.replaceAll('$', '$$$$') : value));

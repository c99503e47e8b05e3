import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { parse } from 'yaml';
import { containerLines } from '../../schema/container-lines.ts';

const page = await readFile('docs/containers.md', 'utf8');

interface Service {
  command: string;
  environment: Record<string, string>;
  volumes: string[];
  restart: string;
  container_name: string;
}

it.each(['host', 'relay'] as const)(
  'a %s has the same container by docker run, by Compose, and in the docs',
  (kind) => {
    const { run, compose } = containerLines('http://control:8787/ui', { kind, name: 'any', joinToken: 'sfj_…' });
    expect(page).toContain(`\n${run}\n`);

    const file = parse(compose) as { services: Record<string, Service>; volumes?: object };
    const [service] = Object.values(file.services);
    const { container_name, command, environment, volumes, restart, ...rest } = service!;
    const words = run.replaceAll(/\\\n/g, '').split(/\s+/);
    const flags = (flag: string) => words.flatMap((word, at) => (word === flag ? [words[at + 1]] : []));
    expect(run.endsWith(`stackferry ${command}`)).toBe(true);
    expect(volumes).toEqual(flags('-v'));
    expect(Object.entries(environment).map((pair) => pair.join('='))).toEqual(flags('-e'));
    expect([restart]).toEqual(flags('--restart'));
    expect([container_name]).toEqual(flags('--name'));
    expect(rest).toEqual(
      kind === 'host'
        ? { image: 'stackferry', network_mode: 'host', pid: 'host' }
        : { image: 'stackferry', network_mode: 'host', init: true, user: '1000', cap_drop: ['ALL'] },
    );
    // Compose would call it by the project's name too, and take it for another one.
    const named = volumes.map((volume) => volume.split(':')[0]!).filter((source) => !source.startsWith('/'));
    expect(file.volumes ?? {}).toEqual(Object.fromEntries(named.map((name) => [name, { name }])));
  },
);

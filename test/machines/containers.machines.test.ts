import { createReadStream } from 'node:fs';
import { cp, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { importParts, layParts, parts } from '../support/image-parts.ts';
import { run } from '../support/run.ts';
import { copy, describeMachines, down, gatewayAddress, imageArchive, type Machine, on, up } from './machines.ts';
import { type PageCommand, pageCommands } from './page-commands.ts';
import { startRegistry } from './registry.ts';
import { expectMoved, giveImage, insertRows, rows } from './shop.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const blocksOf = async (page: string) => pageCommands(join(root, 'docs', page));
const waitFor = (what: string) => `timeout 90 sh -c 'until ${what}; do sleep 1; done'`;
const hosts = ['host-a', 'host-b'] as const;

describeMachines('three plain machines, and docs/containers.md word for word', () => {
  let scratch = '';
  let began = 0;
  let ready = false;

  beforeAll(async () => {
    scratch = await mkdtemp(join(tmpdir(), 'stackferry-machines-'));
    await up();
    await giveCheckout();
    await giveParts();
    await giveImage();
    began = performance.now();
  }, 1_500_000);
  afterAll(async () => {
    await down();
    await rm(scratch, { recursive: true, force: true });
  }, 180_000);

  it('control plane, relay and agents come up in containers, on hosts that reach no registry', async () => {
    const registry = await startRegistry(gatewayAddress);
    await on('control', `sed -i 's|^ARG npm_config_registry$|&=${registry.url}|' deploy/docker/control.Dockerfile`);
    const [build, ...others] = (await blocksOf('containers.md')).filter(({ section }) => /^\d/.test(section));
    await on('control', build!.script);
    await registry.close();
    for (const host of hosts) {
      await copy('stackferry.tar.gz', 'control', host);
      await expect(on(host, 'docker pull --quiet node:24-bookworm-slim')).rejects.toThrow();
    }
    expect(others.length).toBeGreaterThan(4);
    for (const { machine, script } of others) {
      const told = await on(machine as Machine, script);
      if (script.includes('stackferry join')) await startAgents(told);
    }
    ready = true;
    tell('both agents are online');
  }, 600_000);

  it('a relay joins from a container elsewhere', async () => {
    expect(ready, 'what is above came to its end').toBe(true);
    const told = await on('control', 'stackferry join --relay elsewhere');
    await on('host-b', dockerRun(told).replace('HOST:7400', 'host-b:7400'));
    await on('control', waitFor('stackferry relays | grep elsewhere | grep -qw online'));
  }, 120_000);

  it('a stack moves, comes back, moves again and is purged', async () => {
    expect(ready, 'what is above came to its end').toBe(true);
    const moves = (await blocksOf('install.md')).filter(({ section }) => section.startsWith('3.'));
    expect(moves.length).toBeGreaterThan(3);
    for (const { machine, script } of moves) {
      await on(machine as Machine, script);
      if (script.includes('docker compose up')) await insertRows();
      if (script.includes('--watch')) await expectMoved(script);
    }
    tell('the stack was moved and purged');
    expect(await on('host-a', 'docker ps --all --format "{{.Names}}"; docker volume ls --quiet')).toBe(
      'stackferry-agent\n',
    );
    expect(await rows('host-b')).toBe('3');
  }, 600_000);

  it('state survives a recreation of the containers: hosts, relay and records stay, and the stack moves back', async () => {
    expect(ready, 'what is above came to its end').toBe(true);
    const before = await known();
    const [update] = (await blocksOf('containers.md')).filter(({ section }) => section === 'Update');
    await on('control', 'docker restart stackferry-control-1');
    await on('control', (update as PageCommand).script);
    await on('host-a', `docker stop stackferry-agent; docker rm stackferry-agent; ${withoutToken(runLine)}`);
    await on('host-b', 'cd /etc/stackferry && docker compose up -d --force-recreate');
    await online();
    expect(await known()).toEqual(before);
    const back = 'stackferry migrate shop --to host-a --yes --watch';
    await on('control', back);
    await expectMoved(back);
    tell('the stack is back');
  }, 300_000);

  const dockerRun = (told: string) => /docker run -d (?:.*\\\n)+.*/.exec(told)![0];
  let runLine = '';
  const withoutToken = (line: string) => line.replace(/ *-e STACKFERRY_JOIN_TOKEN=.*\n/, '');

  /** One host by the command that `join` printed, the other by its Compose file. */
  async function startAgents(told: string): Promise<void> {
    const of = (host: Machine) => told.slice(told.indexOf(`Host "${host}" is created`));
    runLine = dockerRun(of('host-a'));
    await on('host-a', runLine);
    const compose = /^ {2}name: stackferry-agent\n(?: .*\n)+/m.exec(of('host-b'))![0].replaceAll(/^ {2}/gm, '');
    await on('host-b', `mkdir /etc/stackferry && cd /etc/stackferry && cat >compose.yaml && docker compose up -d`, {
      input: compose,
    });
    await online();
    for (const host of hosts)
      await on(host, waitFor('docker inspect --format {{.State.Health.Status}} stackferry-agent | grep -qx healthy'));
  }

  const online = () => on('control', waitFor('test "$(stackferry hosts | grep -cw online)" = 2'));

  /** Ids of what the control plane has on record. */
  async function known(): Promise<string[]> {
    const lists = await on('control', 'for list in hosts relays migrations; do stackferry $list --json; done');
    const ids = [...new Set(lists.match(/\b(?:host|relay|mig)_[0-9a-z]+/g))].sort();
    expect(ids.length).toBeGreaterThan(4);
    return ids;
  }

  const tell = (what: string) =>
    process.stdout.write(`${Math.round((performance.now() - began) / 1000)} s from zero: ${what}\n`);

  /** What `npm run build` made, and what of a checkout the images are made of. */
  async function giveCheckout(): Promise<void> {
    const checkout = join(scratch, 'checkout');
    await run(process.execPath, ['cli/build/main.ts', '--out', join(checkout, 'dist')], { cwd: root });
    for (const part of [
      'deploy/docker',
      'cli/bin.cjs',
      'LICENSE',
      '.dockerignore',
      'package.json',
      'package-lock.json',
    ])
      await cp(join(root, part), join(checkout, part), { recursive: true });
    await give('checkout.tar', checkout, '.');
  }

  /** The images that a registry would bring, under names of their own, which the Dockerfiles are told. */
  async function giveParts(): Promise<void> {
    const dir = join(scratch, 'parts');
    await layParts(dir);
    await give('parts.tar', dir, parts.base, parts.client);
    await on('control', 'docker load', { input: createReadStream(imageArchive('tools')) });
    await on('control', importParts);
    await on(
      'control',
      `sed -i 's|^ARG BASE=.*|ARG BASE=${parts.baseImage}|; s|^ARG CLIENT=.*|ARG CLIENT=${parts.clientImage}|' deploy/docker/*Dockerfile`,
    );
  }

  /** Unpacked in root's home. */
  async function give(name: string, dir: string, ...what: string[]): Promise<void> {
    await run('tar', ['-C', dir, '-cf', join(scratch, name), ...what]);
    await on('control', 'tar -x', { input: createReadStream(join(scratch, name)) });
  }
});

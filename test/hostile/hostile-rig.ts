import { appendFileSync } from 'node:fs';
import { mkdir, readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, expect } from 'vitest';
import { parseAgentConfig } from '../../agent/config.ts';
import type { Engine } from '../../agent/engine/engine.ts';
import { openEngine } from '../../agent/engine-choice.ts';
import { type RunningAgent, runAgent } from '../../agent/run-agent.ts';
import { type Member, until } from '../../cli/local/fleet.ts';
import { createLog } from '../../node/log.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { wipeBoth } from '../docker/docker-rig.ts';
import {
  compose,
  docker,
  dockerd,
  gatewayAddress,
  type HostName,
  netnsOf,
  type Project,
  socketOf,
  writeProject,
} from '../docker/two-hosts.ts';
import { type FleetRig, type Limits, startFleetRig } from '../support/fleet-rig.ts';

/** What one side does otherwise than an honest agent; it has a real certificate and a real engine. */
export type Lie = (honest: Engine) => Partial<Engine>;

export interface HostileRig extends FleetRig {
  honest: Member;
  /** The agent in wrong hands, in this process. */
  hostile: RunningAgent;
  /** Its real engine. */
  truth: Engine;
  /** From now on it lies in this way; null for an honest one. */
  lie(how: Lie | null): void;
  /** A stack on one of the hosts: `a` is the hostile one's. */
  up(host: HostName, name: string, files: Record<string, string>): Promise<Project>;
  stacksDir(host: HostName): string;
  /** A directory of the honest host that nothing of a migration may touch or read. */
  forbidden: string;
}

/** Secrets of the honest host: a file beside all that moves, and another stack's `.env` and volume. */
export const secrets = {
  file: 'canary-file-5c1f0a3b8e',
  env: 'canary-env-7d2e4c9a10',
  volume: 'canary-volume-31b6f8d5c2',
} as const;

const bank = {
  'compose.yaml': `
services:
  db: { image: "sf-busybox:1", init: true, command: [sleep, "100000"], restart: always, env_file: .env, volumes: ["data:/data"] }
volumes: { data: {} }
`,
  '.env': `PASSWORD=${secrets.env}\n`,
};

async function startHostileRig(limits: Limits): Promise<HostileRig> {
  for (const host of ['a', 'b'] as const) await dockerd('start', host);
  await wipeBoth();
  const fleet = await startFleetRig({ address: gatewayAddress, limits });
  const stacksDir = (host: HostName) => join(fleet.dir, `stacks-${host}`);
  const engineArguments = (host: HostName) => [
    ...['--engine', 'docker', '--docker-socket', socketOf(host), '--docker-binary', '/usr/bin/docker'],
    ...['--stacks-dir', stacksDir(host)],
  ];
  const honest = await fleet.addHost('b', engineArguments('b'), netnsOf('b'));
  const created = await fleet.api.post<{ id: string; join_token: string }>('/hosts', { name: 'a' });
  let lies: Partial<Engine> = {};
  let engine: Engine | null = null;
  const config = parseAgentConfig(
    ['--control', fleet.control.url, '--state', join(fleet.dir, 'host-a'), ...engineArguments('a')],
    { STACKFERRY_JOIN_TOKEN: created.join_token },
  );
  const hostile = await runAgent(config, {
    log: createLog((line) => void appendFileSync(join(fleet.dir, 'host-a.log'), line)),
    openEngine: async (...options) => {
      engine = await openEngine(...options);
      return new Proxy(engine, {
        get: (truth, key) => lies[key as keyof Engine] ?? truth[key as keyof Engine],
      });
    },
  });
  await hostile.connected;
  if (!engine) throw new Error('the agent opens its engine before it connects');
  const truth: Engine = engine;
  const forbidden = join(fleet.dir, 'forbidden');
  await mkdir(join(forbidden, 'directory'), { recursive: true });
  await writeFile(join(forbidden, 'secret'), `${secrets.file}\n`);
  return {
    ...fleet,
    honest,
    hostile,
    truth,
    forbidden,
    stacksDir,
    lie: (how) => {
      lies = how ? how(truth) : {};
    },
    async up(host, name, files) {
      const project = await writeProject(join(stacksDir(host), name), files);
      await compose(host, project, 'up', '-d');
      await until(async () => {
        const { items } = await fleet.api.get<{ items: { name: string; summary: { running: boolean } }[] }>('/stacks');
        return items.some((stack) => stack.name === name && stack.summary.running);
      }, `stack "${name}" on host "${host}"`);
      return project;
    },
    close: async () => {
      await hostile.close();
      await fleet.close();
    },
  };
}

/** Registers the hooks of a test file. The bank, a stack of somebody else, lives on the honest host all the time. */
export function useHostileRig(limits: Limits = {}): () => HostileRig {
  let rig: HostileRig | null = null;
  beforeAll(async () => {
    rig = await startHostileRig(limits);
    await rig.up('b', 'bank', bank);
    await docker('b', 'exec', 'bank-db-1', 'sh', '-c', `echo ${secrets.volume} > /data/accounts`);
  }, 180_000);
  beforeEach(() => rig?.lie(null));
  afterAll(async () => {
    await rig?.close();
    await wipeBoth();
  }, 120_000);
  return () => {
    if (!rig) throw new Error('the rig is up only inside tests');
    return rig;
  };
}

/** What must be the same after an attack: the bank's containers, every tag, and the files beside what moves. */
export async function untouched({ forbidden, stacksDir }: HostileRig): Promise<string[]> {
  const [containers, images, accounts] = await Promise.all([
    docker(
      'b',
      'ps',
      '-a',
      '--no-trunc',
      '--filter',
      'label=com.docker.compose.project=bank',
      '--format',
      '{{.ID}} {{.State}}',
    ),
    docker('b', 'images', '--no-trunc', '--format', '{{.Repository}}:{{.Tag}} {{.ID}}'),
    docker('b', 'exec', 'bank-db-1', 'cat', '/data/accounts'),
  ]);
  const files = await Promise.all([forbidden, join(stacksDir('b'), 'bank'), '/etc/systemd/system'].map(listing));
  return [containers, images, accounts, ...files.flat()].flatMap((text) => text.split('\n')).sort();
}

/** Name, kind, inode, size and time of everything below; nothing is read. */
async function listing(directory: string): Promise<string[]> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true }).catch(() => []);
  return Promise.all(
    entries.map(async ({ parentPath, name }) => {
      const { mode, ino, size, mtimeMs } = await stat(join(parentPath, name)).catch(() => ({
        mode: 0,
        ino: 0,
        size: 0,
        mtimeMs: 0,
      }));
      return `${join(parentPath, name)} ${mode} ${ino} ${size} ${mtimeMs}`;
    }),
  );
}

/**
 * Everything that the hostile side can see of the honest host: what the control plane tells of the migration, and what
 * came into the stack that it sent, files, mounts and environment.
 */
export async function assertNoSecretLeft(rig: HostileRig, migration: MigrationView, stack: string): Promise<void> {
  const own = (await docker('b', 'ps', '-aq', '--filter', `label=com.docker.compose.project=${stack}`))
    .split('\n')
    .filter(Boolean);
  const seen = await Promise.all(
    own.map(async (id) => {
      const inspected = await docker('b', 'inspect', id);
      const mounted = await docker('b', 'exec', id, 'sh', '-c', 'cat /seen/* /seen/*/* 2>/dev/null; true').catch(
        () => '',
      );
      return inspected + mounted;
    }),
  );
  const events: unknown[] = [];
  for await (const event of rig.api.follow(migration.id)) events.push(event);
  const log = await readFile(join(rig.dir, 'host-a.log'), 'utf8').catch(() => '');
  const all = JSON.stringify([migration, events]) + seen.join('\n') + log;
  for (const [where, secret] of Object.entries(secrets)) expect(all, where).not.toContain(secret);
}

import { cp, mkdir, rm, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, it } from 'vitest';
import type { MigrationView } from '../../schema/api/migrations.ts';
import type { Report } from '../../schema/preflight-report.ts';
import { run } from '../support/run.ts';
import { type DockerRig, startDockerRig, wipeBoth } from './docker-rig.ts';
import { compose, docker, type HostName, type Project, running } from './two-hosts.ts';
import { describeDocker } from './use-docker-rig.ts';

/**
 * The small stacks of `test/corpus/`: the smallest forms of what strangers' Compose files showed. All are brought up and
 * migrated together, since the engines wait more than they work; then each is looked at.
 */
interface Case {
  up?: string[];
  env?: (dir: string) => Record<string, string>;
  /** In the project's directory, before it is brought up. */
  before?: (dir: string) => Promise<unknown>;
  /** Once it runs. */
  meanwhile?: (project: Project) => Promise<unknown>;
  after?: (dir: string) => Promise<unknown>;
}

const sh = (script: string) => (dir: string) => run('/bin/sh', ['-ec', script], { cwd: dir });
const home = (dir: string) => ({ HOME: join(dir, '../home') });

const cases: Record<string, Case> = {
  // First: engines give networks of other stacks any subnet that is free.
  subnet: { before: () => docker('b', 'network', 'create', '--subnet', '172.28.5.0/24', 'corpus-other') },
  bindvol: { before: sh('mkdir data; echo d >data/x') },
  cfgcontent: {},
  extlink: {
    before: () => Promise.all((['a', 'b'] as const).map((host) => docker(host, 'network', 'create', 'corpus-front'))),
    meanwhile: () => docker('a', 'network', 'connect', 'corpus-front', 'extlink-web-1'),
  },
  extvol: { before: () => docker('a', 'volume', 'create', 'corpus-olddata') },
  hostbind: { before: sh('mkdir ../hostbind-shared; echo precious >../hostbind-shared/x') },
  listlabels: {},
  mountdata: {
    before: sh('mkdir data; mount -t tmpfs corpus data; echo precious >data/x'),
    after: sh('umount -l data'),
  },
  nodeps: { up: ['--no-deps', 'web'] },
  oneoff: {
    meanwhile: (project) => compose('a', project, 'run', '-d', '--name', 'oneoff-job', 'web', 'sleep', '100000'),
  },
  orphan: { meanwhile: ({ dir }) => sh('sed -i /old:/d compose.yaml')(dir) },
  portainerlike: { meanwhile: ({ dir }) => rm(join(dir, 'compose.yaml')) },
  portvar: {},
  pwdbind: { env: home, before: sh('mkdir -p data ../home/keep ../home/k2; echo d >data/x; echo k >../home/keep/x') },
  pwdonly: { before: sh('mkdir data; echo d >data/x') },
  replvar: {},
  scaled: { up: ['--scale', 'worker=3'] },
  secretvar: { before: sh('. ./.env; mkdir -p $SECRETS_DIR; echo s >$SECRETS_DIR/s.txt') },
  sockvol: {
    before: sh(
      `mkdir own; perl -MIO::Socket::UNIX -e 'IO::Socket::UNIX->new(Local => "own/s", Listen => 1) or die $!'`,
    ),
  },
  symlinkdata: {
    before: async (dir) => {
      await mkdir(join(dir, '../elsewhere'));
      await writeFile(join(dir, '../elsewhere/x'), 'precious');
      await symlink(join(dir, '../elsewhere'), join(dir, 'data'));
    },
  },
  tilde: { env: home, before: sh('mkdir -p ../home/keep') },
  v1labels: { meanwhile: remakeAsV1 },
};

/** The container that Compose v1 would have made. */
async function remakeAsV1({ dir }: Project): Promise<void> {
  await docker('a', 'rm', '-f', 'v1labels-web-1');
  const labels = {
    ...{ project: 'v1labels', service: 'web', 'container-number': '1', oneoff: 'False', version: '1.29.2' },
    ...{ 'config-hash': 'abc', 'project.working_dir': dir, 'project.config_files': 'compose.yaml' },
  };
  const options = Object.entries(labels).flatMap(([name, value]) => ['--label', `com.docker.compose.${name}=${value}`]);
  const made = ['--name', 'v1labels_web_1', '--init', '--restart', 'always', '--network', 'v1labels_default'];
  await docker('a', 'run', '-d', ...made, ...options, 'sf-busybox:1', 'sleep', '100000');
}

type Outcome = { moved: MigrationView } | { refused: Report };

let rig: DockerRig;
const outcomes = new Map<string, Promise<Outcome>>();

async function carryOut(name: string): Promise<Outcome> {
  const { up = [], env, before, meanwhile } = cases[name]!;
  const dir = join(rig.dir, 'stacks-a', name);
  await cp(fileURLToPath(new URL(`../corpus/${name}`, import.meta.url)), dir, { recursive: true });
  await before?.(dir);
  const project: Project = { name, dir, composeFiles: ['compose.yaml'], ...(env ? { env: env(dir) } : {}) };
  await compose('a', project, 'up', '-d', ...up);
  await meanwhile?.(project);
  await rig.stackAt(name, rig.hosts.a);
  const started = await rig.migrate(name, rig.hosts.b).catch((error) => {
    if (error.code === 'preflight_failed') return error.body.report as Report;
    throw error;
  });
  return 'checks' in started ? { refused: started } : { moved: await rig.ended(started.id) };
}

const moved = async (name: string) =>
  expect(await outcomes.get(name)).toMatchObject({ moved: { status: 'completed', failure: null } });

/** By this check, before anything stopped. */
async function refused(name: string, check: string, why: RegExp): Promise<void> {
  const outcome = await outcomes.get(name);
  const failed =
    outcome && 'refused' in outcome ? outcome.refused.checks.filter(({ status }) => status === 'fail') : [];
  expect(failed).toContainEqual(expect.objectContaining({ name: check, detail: expect.stringMatching(why) }));
  expect(await running('a')).toContainEqual(expect.stringContaining(name));
}

const exec = (host: HostName, container: string, ...command: string[]) => docker(host, 'exec', container, ...command);
const of = async (name: string) => (await running('b')).filter((container) => container.startsWith(`${name}-`));

describeDocker('the corpus of small stacks, moved between two real Docker hosts', () => {
  beforeAll(async () => {
    rig = await startDockerRig();
    await wipeBoth();
    const queue = Object.keys(cases);
    await mkdir(join(rig.dir, 'stacks-a'), { recursive: true });
    const work = async () => {
      for (let name = queue.shift(); name; name = queue.shift()) {
        const outcome = carryOut(name);
        outcomes.set(name, outcome);
        await outcome.catch(() => {});
      }
    };
    await Promise.all([work(), work(), work()]);
  }, 900_000);
  afterAll(async () => {
    await wipeBoth();
    for (const [name, { after }] of Object.entries(cases)) await after?.(join(rig.dir, 'stacks-a', name));
    await rm('/var/tmp/stackferry-corpus-secrets', { recursive: true, force: true });
    await rig.close();
  }, 180_000);

  it('R1: variables in ports and replicas, and labels as a list, move', async () => {
    for (const name of ['portvar', 'replvar', 'listlabels']) await moved(name);
    expect(await docker('b', 'port', 'portvar-web-1')).toContain('18085');
    expect(await of('replvar')).toEqual(['replvar-web-1', 'replvar-web-2']);
    expect(await docker('b', 'volume', 'inspect', '-f', '{{.Labels.keep}}', 'listlabels_kept')).toBe('yes\n');
  });

  it('R2: configs by content and secrets by variable move', async () => {
    await moved('cfgcontent');
    expect(await exec('b', 'cfgcontent-web-1', 'cat', '/etc/site.conf', '/run/secrets/key')).toBe('listen 80;k-1');
  });

  it('R8: as many containers run as before, whatever the file says', async () => {
    await moved('scaled');
    expect(await of('scaled')).toEqual(['scaled-web-1', 'scaled-worker-1', 'scaled-worker-2', 'scaled-worker-3']);
  });

  it('R9: paths by PWD move with the project, and those by HOME are the same paths', async () => {
    for (const name of ['pwdonly', 'pwdbind', 'tilde']) await moved(name);
    for (const name of ['pwdonly', 'pwdbind']) {
      expect(await exec('b', `${name}-db-1`, 'cat', '/data/x')).toBe('d\n');
      const mounts = await docker('b', 'inspect', '-f', '{{range .Mounts}}{{.Source}} {{end}}', `${name}-db-1`);
      expect(mounts).toContain(join(rig.dir, 'stacks-b', name, 'data'));
    }
    expect(await exec('b', 'pwdbind-db-1', 'cat', '/keep/x')).toBe('k\n');
  });

  it('R11: a secret’s file by a variable that leads out of the project is named', () =>
    refused('secretvar', 'compose_supported', /stackferry-corpus-secrets\/s\.txt lies outside/));

  it('R13: a stack without a service that it depends on moves without it, and an orphan is named', async () => {
    await moved('nodeps');
    expect(await of('nodeps')).toEqual(['nodeps-web-1']);
    await refused('orphan', 'compose_supported', /orphan-old-1 runs for service old.*"docker stop orphan-old-1"/);
  });

  it('R14: a stack of Compose v1 moves', async () => {
    await moved('v1labels');
    expect(await of('v1labels')).toEqual(['v1labels-web-1']);
  });

  it('R36: a Compose file that is gone is named', () =>
    refused('portainerlike', 'compose_supported', /portainerlike\/compose\.yaml, which is not on this host/));

  it('R18: volumes by options move: a bind of the project’s own directory with its data, a tmpfs empty', async () => {
    await moved('bindvol');
    expect(await exec('b', 'bindvol-db-1', 'cat', '/data/x')).toBe('d\n');
    expect(await exec('b', 'bindvol-db-1', 'cat', '/proc/mounts')).toContain(' /ram tmpfs');
  });

  it('R3, R7, R10: what can’t move is named before anything stops', async () => {
    await refused('mountdata', 'compose_supported', /data in .*mountdata is a mount of its own/);
    await refused('oneoff', 'compose_supported', /oneoff-job/);
    await refused('subnet', 'networks_present', /172\.28\.5\.0\/24/);
    await refused('extvol', 'compose_supported', /corpus-olddata/);
  });

  it('stacks with binds from outside, a network joined by hand, sockets or a linked data directory run in their new home', async () => {
    for (const name of ['hostbind', 'extlink', 'sockvol', 'symlinkdata']) await moved(name);
  });
});

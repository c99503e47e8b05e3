import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { createDockerEngine } from '../../agent/engine/docker/docker-engine.ts';
import type { Engine } from '../../agent/engine/engine.ts';
import { run } from '../support/run.ts';
import { wipeBoth } from './docker-rig.ts';
import { docker, dockerBinary, nextClient, socketOf, writeProject } from './two-hosts.ts';
import { describeDocker } from './use-docker-rig.ts';

const any = 'x-any: &any { image: "sf-busybox:1", init: true, stop_grace_period: 1s, command: [sleep, "100000"] }\n';

let dir: string;
let project: string;
const engines = new Map<string, Engine>();

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stackferry-reading-'));
  for (const client of [dockerBinary, nextClient]) {
    const options = { socketPath: socketOf('a'), dockerBinary: client, stateDir: join(dir, 'state') };
    engines.set(
      client,
      await createDockerEngine({
        ...options,
        helperImage: null,
        stacksDir: null,
        allow: [],
        allowKeys: [],
        pathMaps: [],
      }),
    );
  }
});
beforeEach(wipeBoth, 120_000);
afterAll(async () => {
  for (const engine of engines.values()) await engine.close();
  await wipeBoth();
  await rm(dir, { recursive: true, force: true });
}, 120_000);

/** As a shell would call Compose in the project's directory. */
function compose(client: string, env: Record<string, string>, ...args: string[]): Promise<string> {
  const options = { cwd: project, timeoutMs: 120_000, env: { PWD: project, ...env } };
  return run(client, ['-H', `unix://${socketOf('a')}`, 'compose', ...args], options);
}

async function write(name: string, files: Record<string, string>): Promise<void> {
  project = join(dir, name);
  await rm(project, { recursive: true, force: true });
  await writeProject(project, files);
}

const facts = (name: string, client = dockerBinary) =>
  engines.get(client)!.inspectStack(name, AbortSignal.timeout(60_000));
const current = { current: true, detail: '' };

describeDocker('what an agent reads of a stack on a real engine', () => {
  describe.each([
    ['Compose 2.26', dockerBinary, nextClient],
    ['Compose 2.40', nextClient, dockerBinary],
  ])('made by %s', (_, made, other) => {
    it('P19, R1, R8: what runs is what the file says, by any version of Compose, and drift is named', async () => {
      const file = `${any}
services:
  plain: { <<: *any, ipc: shareable }
  values: { <<: *any, env_file: [app.env, { path: absent.env, required: false }], environment: [TOKEN=a$$b, NONE] }
  listed: { <<: *any, labels: ["a=b"], ports: ["\${WEB_PORT}:80"], privileged: "\${PRIVILEGED:-false}" }
  many: { <<: *any, deploy: { replicas: "\${REPLICAS:-1}", resources: { limits: { memory: 64M } } } }
  mounts: { <<: *any, volumes: ["\${NOWHERE:-/tmp}:/y:ro", "data:/d", "./own:/own"], secrets: [s, v], configs: [c] }
  joins: { <<: *any, network_mode: "service:plain", ipc: "service:plain", volumes_from: [mounts] }
  needs: { <<: *any, depends_on: [plain], profiles: [extra], healthcheck: { test: "true", interval: 1m30s } }
volumes: { data: { labels: ["keep=yes"] } }
secrets: { s: { file: "\${SECRETS}/s.txt" }, v: { environment: SECRET_KEY } }
configs: { c: { content: "listen 80;" } }
`;
      const values = 'WEB_PORT=18089\nSECRETS=./private\nSECRET_KEY=k-1\n';
      await write('reading', { 'compose.yaml': file, '.env': values, 'app.env': 'A=1\n', 'private/s.txt': 's\n' });
      await compose(made, {}, '--profile', 'extra', 'up', '-d', '--scale', 'many=3');
      for (const client of [made, other]) {
        const found = await facts('reading', client);
        expect(found).toMatchObject({
          compose_errors: [],
          drift: current,
          project_files: { outside: [] },
          orphans: [],
        });
        expect(found.services.find(({ name }) => name === 'many')).toMatchObject({ replicas: 3 });
      }
      await writeFile(join(project, 'app.env'), 'A=2\n');
      for (const client of [made, other])
        expect((await facts('reading', client)).drift).toMatchObject({
          current: false,
          detail: expect.stringMatching(/^values differs in environment \(A\)\.$/),
        });
    }, 180_000);
  });

  it('R36: a variable that is gone, and an image’s name that is gone or moved, are named with what gives them back', async () => {
    await write('gone', {
      'compose.yaml': `${any}services: { db: { <<: *any, image: "sf-busybox:\${TAG:-1}", environment: ["PASSWORD=\${DB_PASSWORD}"] } }\n`,
    });
    await docker('a', 'tag', 'sf-busybox:1', 'sf-busybox:tried');
    await compose(dockerBinary, { DB_PASSWORD: 'hunter2', TAG: 'tried' }, 'up', '-d');
    const { drift } = await facts('gone');
    expect(drift).toMatchObject({ current: false });
    expect(drift.detail).toBe(
      `db differs in image, environment (PASSWORD). Not set on this host: DB_PASSWORD; what the stack needs of them belongs into ${project}/.env.`,
    );
    await writeFile(join(project, '.env'), 'DB_PASSWORD=hunter2\nTAG=tried\n');
    expect((await facts('gone')).drift).toMatchObject(current);
    await docker('a', 'tag', 'sf-redis:1', 'sf-busybox:tried');
    expect((await facts('gone')).drift.detail).toMatch(
      /names another image now .* "docker tag \w{12} sf-busybox:tried" gives the name back/,
    );
    await docker('a', 'rmi', 'sf-busybox:tried');
    expect((await facts('gone')).drift.detail).toMatch(
      /has lost its name sf-busybox:tried: "docker tag \w{12} sf-busybox:tried"/,
    );
  }, 120_000);

  it('R9: the HOME and PWD of who started a stack are found from what its containers have mounted', async () => {
    await write('homely', {
      'compose.yaml': `${any}services: { db: { <<: *any, volumes: ["\${PWD}/data:/data", "~/keep:/keep", "$HOME/k2:/k2"] } }\n`,
    });
    const home = join(dir, 'home/deploy');
    await compose(dockerBinary, { HOME: home }, 'up', '-d');
    expect(await facts('homely')).toMatchObject({ drift: current, environment: { HOME: home }, compose_errors: [] });
    await docker('a', 'rm', '-f', 'homely-db-1');
    const elsewhere = join(dir, 'elsewhere');
    await mkdir(elsewhere, { recursive: true });
    await compose(dockerBinary, { HOME: home, PWD: elsewhere }, 'up', '-d');
    const environment = { HOME: home, PWD: elsewhere };
    expect(await facts('homely')).toMatchObject({ drift: current, environment });
  }, 120_000);

  it('R13: an orphan is distinguished from the stack, and services that were not started do not count', async () => {
    const web = 'web: { <<: *any, depends_on: [db] }';
    await write('orphan', { 'compose.yaml': `${any}services: { ${web}, db: *any, old: *any }\n` });
    await compose(dockerBinary, {}, 'up', '-d', '--no-deps', 'web', 'old');
    await writeFile(join(project, 'compose.yaml'), `${any}services: { ${web}, db: *any }\n`);
    const orphan = { container: 'orphan-old-1', service: 'old' };
    const found = await facts('orphan');
    expect(found).toMatchObject({ drift: current, orphans: [{ ...orphan, running: true }] });
    expect(found.services.map(({ name }) => name)).toEqual(['web']);
    await docker('a', 'stop', '-t', '1', 'orphan-old-1');
    expect(await facts('orphan')).toMatchObject({ drift: current, orphans: [{ ...orphan, running: false }] });
  }, 120_000);

  it('R14: labels of Compose v1, with paths relative to the working directory, are understood', async () => {
    await write('old', { 'compose.yaml': `${any}services: { web: *any }\n` });
    const labels = {
      'project.working_dir': project,
      'project.config_files': 'compose.yaml',
      ...{
        project: 'old',
        service: 'web',
        'container-number': '1',
        oneoff: 'False',
        version: '1.29.2',
        'config-hash': 'abc',
      },
    };
    const options = Object.entries(labels).flatMap(([name, value]) => [
      '--label',
      `com.docker.compose.${name}=${value}`,
    ]);
    await docker('a', 'network', 'create', 'old_default');
    await docker(
      'a',
      'run',
      '-d',
      '--init',
      '--stop-timeout',
      '1',
      '--name',
      'old_web_1',
      '--network',
      'old_default',
      ...options,
      'sf-busybox:1',
      'sleep',
      '100000',
    );
    expect(await facts('old')).toMatchObject({
      config_files: [join(project, 'compose.yaml')],
      compose_errors: [],
      drift: current,
    });
    const [summary] = await engines.get(dockerBinary)!.stacks();
    expect(summary).toMatchObject({ config_files: [join(project, 'compose.yaml')] });
  }, 120_000);

  it('R32: the time of the slowest healthcheck of a service is read from its containers', async () => {
    await write('slow', {
      'compose.yaml': `${any}services:
  slow: { <<: *any, healthcheck: { test: "true", interval: 5m, timeout: 10s, retries: 2, start_period: 1m } }
  plain: { <<: *any, healthcheck: { disable: true } }
`,
    });
    await compose(dockerBinary, {}, 'up', '-d');
    const { services } = await facts('slow');
    expect(Object.fromEntries(services.map(({ name, health_wait_s }) => [name, health_wait_s]))).toEqual({
      slow: 680,
      plain: null,
    });
  }, 120_000);

  it('R11, R20: what would stay behind, or be blank, is named', async () => {
    await write('beyond', {
      'compose.yaml': `${any}services: { web: { <<: *any, secrets: [s, v] } }\nsecrets: { s: { file: "$SECRETS/s.txt" }, v: { environment: KEY } }\n`,
    });
    await mkdir(join(dir, 'secrets'), { recursive: true });
    await writeFile(join(dir, 'secrets/s.txt'), 's');
    await writeFile(join(dir, 'beyond.env'), `SECRETS=${dir}/secrets\nKEY=k\n`);
    await symlink(join(dir, 'beyond.env'), join(project, '.env'));
    await compose(dockerBinary, {}, 'up', '-d');
    const found = await facts('beyond');
    expect(found.project_files.outside).toEqual([
      `${project}/.env (which leads to ${dir}/beyond.env)`,
      `${dir}/secrets/s.txt`,
    ]);
    await writeFile(join(dir, 'beyond.env'), `SECRETS=${dir}/secrets\n`);
    expect((await facts('beyond')).compose_errors).toEqual([
      `v is the value of KEY, which is not set: add it to ${project}/.env`,
    ]);
    await rm(join(project, 'compose.yaml'));
    expect((await facts('beyond')).compose_errors).toEqual([
      `The stack was started from ${project}/compose.yaml, which is not on this host: put the file back where it was`,
    ]);
  }, 120_000);
});

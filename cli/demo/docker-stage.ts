import { execFile } from 'node:child_process';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { limits } from '../../schema/limits.ts';
import type { HostName, Stage } from './stage.ts';

const execute = promisify(execFile);
const scripts = fileURLToPath(new URL('../../test/docker/hosts/', import.meta.url));
/** Which pair of hosts, as the scripts read it too. */
const pair = Number(process.env.STACKFERRY_PAIR ?? 1);
const suffix = pair === 1 ? '' : String(pair);
const network = `10.77.${pair - 1}`;
const state = (process.env.STACKFERRY_DOCKER_STATE ?? '/var/tmp/stackferry-docker') + (suffix && `-${suffix}`);
const binary = '/usr/bin/docker';
const socketOf = (host: HostName) => join(state, host, 'docker.sock');

const composeFile = (page: string) => `
services:
  page:
    image: sf-redis:1
    restart: always
    command: [perl, -e, ${JSON.stringify(page.replaceAll('$', '$$$$'))}]
    ports: ["8080:80"]
    depends_on: { counter: { condition: service_healthy } }
  counter:
    image: sf-redis:1
    restart: always
    volumes: [visits:/data]
    healthcheck: { test: [CMD-SHELL, redis-cli ping], interval: 1s, retries: 60 }
  db:
    image: sf-postgres:1
    restart: always
    environment: { POSTGRES_PASSWORD: "\${DB_PASSWORD}" }
    volumes: [data:/var/lib/postgresql/data]
    healthcheck: { test: [CMD-SHELL, pg_isready -U postgres -h 127.0.0.1], interval: 1s, retries: 60 }
volumes: { data: {}, visits: {} }
`;

/** Two real Docker engines on this machine, each in its own network namespace. Needs root and Debian's packages. */
export async function dockerStage(dir: string, say: (line: string) => void): Promise<Stage> {
  const stack = 'guestbook';
  for (const script of ['install.sh', 'up.sh', 'images.sh']) {
    say(`setting up two Docker hosts: ${script}`);
    await execute(join(scripts, script), [], { timeout: limits.demo.setUpMsMax, maxBuffer: 64 * 1_048_576 });
  }
  const docker = async (host: HostName, ...args: string[]) => {
    const { stdout } = await execute(binary, ['-H', `unix://${socketOf(host)}`, ...args], {
      timeout: limits.agent.composeWriteMsMax,
    });
    return stdout.trim();
  };
  const psql = (host: HostName, sql: string) =>
    docker(host, 'exec', `${stack}-db-1`, 'psql', '-U', 'postgres', '-h', '/var/run/postgresql', '-Atc', sql);
  const clear = async (host: HostName) => {
    const mine = ['--filter', `label=com.docker.compose.project=${stack}`, '-q'];
    for (const [kind, list] of [
      ['container', ['ps', '-a', ...mine]],
      ['volume', ['volume', 'ls', ...mine]],
      ['network', ['network', 'ls', ...mine]],
    ] as const) {
      const ids = (await docker(host, ...list)).split('\n').filter((id) => id !== '');
      if (ids.length > 0) await docker(host, kind, 'rm', '-f', ...ids);
    }
  };
  return {
    title: 'two real Docker engines, each in its own network namespace',
    stack,
    address: `${network}.1`,
    page: `http://${network}.2:8080/`,
    host: (name) => ({
      arguments: [
        ...['--engine', 'docker', '--docker-socket', socketOf(name), '--docker-binary', binary],
        ...['--stacks-dir', join(dir, `stacks-${name}`)],
      ],
      netns: `sf-${name}${suffix}`,
    }),
    async seed() {
      for (const host of ['a', 'b'] as const) await clear(host);
      const project = join(dir, 'stacks-a', stack);
      await mkdir(project, { recursive: true });
      const page = await readFile(new URL('page.pl', import.meta.url), 'utf8');
      await writeFile(join(project, 'compose.yaml'), composeFile(page));
      await writeFile(join(project, '.env'), 'DB_PASSWORD=only-for-the-demo\n', { mode: 0o600 });
      await docker('a', 'compose', '--project-directory', project, 'up', '-d', '--wait');
      await psql('a', 'create table visit as select i as id, md5(i::text) as guest from generate_series(1, 100000) i');
    },
    fingerprint: (host) => psql(host, "select md5(string_agg(id || guest, ',' order by id)) from visit"),
    runs: async (host) => (await docker(host, 'ps', '-q', '--filter', `name=${stack}-db-1`)) !== '',
    async close() {
      for (const host of ['a', 'b'] as const) await clear(host);
    },
  };
}

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { openSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { seedSampleStack } from '../../agent/engine/embedded/sample-stack.ts';
import { killHost } from '../../agent/engine/embedded/stack-lifecycle.ts';
import type { BlockJob } from '../../agent/precopy/changed-sections.ts';
import { type ApiClient, apiClient } from '../../cli/api-client.ts';
import { type Member, startMember, until } from '../../cli/local/fleet.ts';
import { freePort } from '../../cli/local/free-port.ts';
import { removeFleet } from '../../cli/local/remove-fleet.ts';
import { agentVersion } from '../../node/version.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { limits } from '../../schema/limits.ts';
import { packPackage } from '../support/packed.ts';
import { run } from '../support/run.ts';

const root = resolve(import.meta.dirname, '../..');

let dir: string;
/** A copy of the sources in another directory, from which the package is made. */
let copy: string;
/** An empty directory into which the package was installed. */
let app: string;

beforeAll(async () => {
  dir = await mkdtemp(join(tmpdir(), 'stackferry-package-'));
  const packed = await packPackage(dir);
  copy = packed.copy;
  app = join(dir, 'app');
  await mkdir(app);
  await writeFile(join(app, 'package.json'), '{}');
  const argv = ['install', '--omit=dev', '--prefer-offline', '--no-audit', '--no-fund', packed.tarball];
  await run('npm', argv, { cwd: app, timeoutMs: 240_000 });
}, 400_000);

afterAll(() => removeFleet(dir));

const bin = () => join(app, 'node_modules/stackferry/cli/bin.cjs');
const installed = (name: string) => join(app, 'node_modules/stackferry/dist', name);
const stackferry = (...args: string[]) => run(process.execPath, [bin(), ...args], { env: { HOME: dir } });

describe('the package', () => {
  it('is the same bytes from another directory', async () => {
    const here = join(dir, 'here');
    await run(process.execPath, ['cli/build/main.ts', '--out', here], { cwd: root });
    const there = join(copy, 'dist');
    const files = await filesBelow(here);
    expect(await filesBelow(there)).toEqual(files);
    for (const file of files)
      expect((await readFile(join(there, file))).equals(await readFile(join(here, file))), file).toBe(true);
  }, 120_000);

  it('names no directory of the machine that built it', async () => {
    for (const file of await filesBelow(join(copy, 'dist'))) {
      const text = await readFile(join(copy, 'dist', file), 'latin1');
      expect(text.includes(root) || text.includes(copy), file).toBe(false);
    }
  });

  it('has agent and relay as one file each, under 3 MB', async () => {
    for (const name of ['agent.js', 'relay.js']) {
      expect((await stat(installed(name))).size).toBeLessThan(3_000_000);
      const imports = (await readFile(installed(name), 'utf8')).matchAll(
        /(?:^|[;}\s])(?:from|import)\s*\(?["']([^"']+)["']/g,
      );
      expect([...imports].map(([, from]) => from!).filter((from) => from.startsWith('.'))).toEqual([]);
    }
  });

  it('has no sources and no tests, and needs one package', async () => {
    const place = join(app, 'node_modules/stackferry');
    expect((await filesBelow(place)).filter((file) => /(?<!\.d)\.tsx?$|^test\//.test(file))).toEqual([]);
    const { dependencies } = JSON.parse(await readFile(join(place, 'package.json'), 'utf8'));
    expect(Object.keys(dependencies)).toEqual(['miniflare']);
  });

  it('tells its version within 0.3 s of CPU', async () => {
    const script = `time -p '${process.execPath}' '${bin()}' --version`;
    const told = await run('bash', ['-c', `{ ${script}; } 2>&1`]);
    expect(told).toContain(agentVersion);
    const seconds = [...told.matchAll(/^(?:user|sys) ([\d.]+)$/gm)].map(([, text]) => Number(text));
    expect(seconds).toHaveLength(2);
    expect(seconds[0]! + seconds[1]!).toBeLessThan(0.3);
  });

  it('shows the help of every program', async () => {
    expect(await stackferry('agent', '--help')).toContain('stackferry agent --control URL');
    expect(await stackferry('relay', '--help')).toContain('stackferry relay --control URL');
    expect(await stackferry('--help')).toContain('serve');
  });

  it('has a manual page, where npm finds it', async () => {
    const { man } = JSON.parse(await readFile(join(app, 'node_modules/stackferry/package.json'), 'utf8'));
    expect(join(app, 'node_modules/stackferry', man)).toBe(installed('stackferry.1'));
    expect(await readFile(installed('stackferry.1'), 'utf8')).toContain('stackferry migrate [options] <stack>');
  });

  it('says in one sentence what an old Node lacks', async () => {
    const pretender = join(dir, 'old.cjs');
    await writeFile(pretender, `Object.defineProperty(process.versions, 'node', { value: '12.22.9' });`);
    // The machine's own may really be old.
    const real = await run('/usr/bin/node', ['--version']).catch(() => '');
    const olds = [
      [process.execPath, '--require', pretender],
      ...(/^v(1\d|20)\./.test(real) ? [['/usr/bin/node']] : []),
    ];
    for (const [program, ...first] of olds) {
      const failed = await run(program!, [...first, bin(), 'agent']).catch((error: Error) => error.message);
      expect(failed).toMatch(/: Stackferry needs Node 22\.19 or newer, and this is [\d.]+: install a newer one\.\n$/);
    }
  });

  it('starts with words that every Node can read', async () => {
    const code = (await readFile(bin(), 'utf8')).replaceAll(/^\/\/.*$/gm, '');
    expect(code).not.toMatch(/=>|`|\bconst\b|\blet\b|\bimport\b|\basync\b|\?\.|\?\?|\.\.\.|node:/);
  });
});

describe('the client of the API', () => {
  it('is imported by its name, with its types, beside the runtime that it names', async () => {
    await symlink(join(root, 'node_modules/@oazapfts'), join(app, 'node_modules/@oazapfts'));
    const story = await readFile(join(root, 'test/flow/generated-client/story.ts'), 'utf8');
    await writeFile(join(app, 'story.mts'), story.replace("'./client.ts'", "'stackferry/client'"));
    const options = [
      '--strict',
      '--noEmit',
      '--skipLibCheck',
      '--target',
      'es2024',
      '--module',
      'nodenext',
      '--ignoreConfig',
    ];
    const types = ['--types', 'node', '--typeRoots', join(root, 'node_modules/@types')];
    const tsc = join(root, 'node_modules/typescript/bin/tsc');
    expect(await run(process.execPath, [tsc, ...options, ...types, 'story.mts'], { cwd: app })).toBe('');
    const names =
      'Object.entries(await import("stackferry/client")).map(([name, value]) => typeof value + " " + name).join("\\n")';
    const exported = await run(process.execPath, ['--input-type=module', '-e', `console.log(${names})`], { cwd: app });
    for (const name of ['listHosts', 'migrate', 'showMigration', 'listEvents'])
      expect(exported).toContain(`function ${name}\n`);
    const description = JSON.parse(await readFile(installed('client/openapi.json'), 'utf8'));
    expect(Object.keys(description.paths)).toContain('/api/v1/events');
  });
});

describe('the parts within the agent’s file', () => {
  it('compares blocks in threads', async () => {
    const file = join(dir, 'blocks');
    await writeFile(file, Buffer.alloc(limits.warm.blockBytes, 7));
    const thread = new Worker(installed('agent.js'), { argv: ['block-thread'] });
    const shared = (bytes: number) => new Uint8Array(new SharedArrayBuffer(bytes));
    const slot = shared(2 * limits.warm.blockBytes);
    const map = { digests: shared(64), tags: shared(16), key: shared(16) };
    const piece = { fd: openSync(file, 'r'), offset: 0, bytes: limits.warm.blockBytes };
    thread.postMessage({ kind: 'changed', ...piece, map, slot } satisfies BlockJob);
    const [bytes] = await once(thread, 'message');
    await thread.terminate();
    expect(bytes).toBeGreaterThan(limits.warm.blockBytes);
    expect(slot.filter((byte) => byte === 7).length).toBeGreaterThanOrEqual(limits.warm.blockBytes);
  });
});

describe('a fleet of what was installed', () => {
  let api: ApiClient;
  let serve: ReturnType<typeof spawn>;
  let url: string;
  const hosts: Member[] = [];

  beforeAll(async () => {
    const [port, relayPort] = [await freePort('127.0.0.1'), await freePort('127.0.0.1')];
    url = `http://127.0.0.1:${port}`;
    const ports = ['--listen', `127.0.0.1:${port}`, '--relay-listen', `127.0.0.1:${relayPort}`];
    serve = spawn(process.execPath, [bin(), 'serve', '--data', join(dir, 'control'), ...ports], { cwd: app });
    let told = '';
    for (const stream of [serve.stdout!, serve.stderr!]) stream.on('data', (text) => (told += text));
    const token = await vi.waitFor(() => /sfy_\w+/.exec(told)?.[0] ?? Promise.reject(new Error(told)), {
      timeout: 60_000,
      interval: 200,
    });
    api = apiClient(url, token);
  }, 90_000);

  afterAll(async () => {
    for (const host of hosts) await host.stop();
    for (const { name } of hosts) await killHost(join(dir, `root-${name}`));
    serve?.kill('SIGTERM');
    if (serve?.exitCode === null) await once(serve, 'exit');
  });

  it('answers, with the pages and what they load', async () => {
    expect((await fetch(`${url}/ui`)).headers.get('content-security-policy')).toContain("default-src 'none'");
    expect((await fetch(`${url}/ui/style.css`)).status).toBe(200);
    expect((await fetch(`${url}/api/v1/docs/swagger-ui-bundle.js`)).status).toBe(200);
  });

  it('moves a stack under a lease, whose guard is in the same file', async () => {
    for (const name of ['a', 'b']) hosts.push(await addHost(name));
    const [from, to] = hosts;
    await seedSampleStack(join(dir, 'root-a'), 'guestbook', { bytes: 4096, port: await freePort('127.0.0.1') });
    const listed = async () => (await api.get<{ items: { name: string }[] }>('/stacks')).items.length === 1;
    await until(listed, 'the stack to be listed');
    const body = { source_host_id: from!.id, target_host_id: to!.id };
    const { id } = await api.post<MigrationView>('/stacks/guestbook/migrate', body);
    const view = () => api.get<MigrationView>(`/migrations/${id}`);
    await until(async () => (await view()).ended_at !== null, 'the migration to end', 120_000);
    expect(await view()).toMatchObject({ status: 'completed' });
    expect(await readFile(join(dir, 'host-b', 'lease-guard.log'), 'utf8')).toContain('watching');
  }, 180_000);

  const addHost = (name: string) =>
    startMember({
      api,
      controlUrl: url,
      kind: 'host',
      name,
      stateDir: join(dir, `host-${name}`),
      program: [bin(), 'agent'],
      arguments: ['--engine', 'embedded', '--embedded-root', join(dir, `root-${name}`)],
    });
});

async function filesBelow(place: string): Promise<string[]> {
  const entries = await readdir(place, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map((entry) => join(entry.parentPath, entry.name).slice(place.length + 1))
    .sort();
}

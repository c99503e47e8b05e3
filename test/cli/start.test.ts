import { spawn } from 'node:child_process';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type TestControlPlane, testControlPlane } from '../support/control-plane.ts';

describe('a control plane of one’s own', () => {
  let plane: TestControlPlane;
  beforeAll(async () => {
    plane = await testControlPlane();
  });
  afterAll(() => plane?.close());

  const call = async (path: string, body?: unknown) => {
    const headers = { authorization: `Bearer ${plane.adminToken}`, 'content-type': 'application/json' };
    const sent = body === undefined ? {} : { method: 'POST', body: JSON.stringify(body) };
    const response = await fetch(`${plane.url}/api/v1${path}`, { headers, ...sent });
    return { status: response.status, body: await response.json() };
  };

  it('keeps hosts, its admin and its fleet through a restart', async () => {
    expect((await call('/hosts', { name: 'metal-1' })).status).toBe(201);
    await plane.restart();
    const { status, body } = await call('/hosts');
    expect(status).toBe(200);
    expect((body as { items: { name: string }[] }).items.map(({ name }) => name)).toEqual(['metal-1']);
  });

  it('runs its schedules', async () => {
    await plane.tick();
    expect(plane.log.filter((line) => line.includes('schedule failed'))).toEqual([]);
  });
});

it('F1: when its process is killed, nothing of it runs on', async () => {
  const dataDir = await mkdtemp(join(tmpdir(), 'stackferry-killed-'));
  const out = join(dataDir, 'url');
  const program = `
    import { writeFileSync } from 'node:fs';
    import { startControlPlane } from ${JSON.stringify(join(import.meta.dirname, '../../cli/local/start.ts'))};
    const { url } = await startControlPlane({ dataDir: ${JSON.stringify(dataDir)}, port: 0, host: '127.0.0.1' });
    writeFileSync(${JSON.stringify(out)}, url);`;
  await writeFile(join(dataDir, 'program.mts'), program);
  const child = spawn(process.execPath, [join(dataDir, 'program.mts')], { stdio: 'ignore' });
  try {
    const url = await vi.waitFor(() => readFile(out, 'utf8'), { timeout: 15_000, interval: 100 });
    expect((await fetch(`${url}/api/v1/hosts`)).status).toBe(401);
    child.kill('SIGKILL');
    await vi.waitFor(async () => expect(await fetch(url).catch(() => 'gone')).toBe('gone'), { timeout: 10_000 });
  } finally {
    child.kill('SIGKILL');
    await rm(dataDir, { recursive: true, force: true });
  }
});

import { execFile } from 'node:child_process';
import { copyFile, mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { promisify } from 'node:util';
import { generateSource } from 'oazapfts';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type FlowRig, startFlowRig } from './flow-rig.ts';

const root = resolve(import.meta.dirname, '../..');
const run = promisify(execFile);
let rig: FlowRig;
let dir: string;

beforeAll(async () => {
  rig = await startFlowRig();
  // Inside the project, so that its packages are found, and out of the way of its own checks.
  await mkdir(join(root, '.data'), { recursive: true });
  dir = await mkdtemp(join(root, '.data/generated-client-'));
}, 120_000);
afterAll(async () => {
  await rm(dir, { recursive: true, force: true });
  await rig?.close();
}, 60_000);

test('a client generated from the document fits the API: it is type-checked, moves a stack, and gets its mistakes as codes', async () => {
  const { url, adminToken } = rig.fleet.control;
  const document = await (await fetch(new URL('/api/v1/openapi.json', url))).text();
  await writeFile(join(dir, 'openapi.json'), document);
  await copyFile(join(import.meta.dirname, 'generated-client/story.ts'), join(dir, 'story.ts'));
  await writeFile(join(dir, 'client.ts'), await generateSource(join(dir, 'openapi.json')));
  const compilerOptions = {
    ...{ target: 'es2024', module: 'nodenext', strict: true, noEmit: true, skipLibCheck: true },
    ...{ noUncheckedIndexedAccess: true, allowImportingTsExtensions: true, types: ['node'] },
  };
  await writeFile(join(dir, 'tsconfig.json'), JSON.stringify({ compilerOptions, include: ['*.ts'] }));
  const checked = await run(process.execPath, [join(root, 'node_modules/typescript/bin/tsc'), '-p', dir]).catch(
    (error) => error,
  );
  expect(checked.stdout).toBe('');

  const { moveByGeneratedClient: move } = await import(join(dir, 'story.ts'));
  const told = await move(url, adminToken ?? '', 'app');
  expect(told).toMatchObject({
    hosts: ['source', 'target'],
    passed: true,
    again: [told.id, 'true'],
    busy: { code: 'migration_running', migration_id: told.id },
    end: { status: 'completed', source_host_id: told.left[0], kept: true },
    sameHost: { code: 'same_host', detail: expect.stringContaining('app') },
    unknown: 'not_found',
    stranger: 'unauthorized',
  });
  expect(told.checks).toBeGreaterThan(20);
  expect(told.seen).toContain('transferring');
  expect(told.events).toMatch(/event: status\ndata: .*"to":"completed"/);
  await expect(rig.runs('target')).resolves.toBe(true);
  await expect(rig.runs('source')).resolves.toBe(false);
}, 180_000);

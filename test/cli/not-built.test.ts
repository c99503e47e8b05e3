import { cp, mkdir, rm, symlink } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import { expect, it } from 'vitest';
import { run } from '../support/run.ts';
import { withDir } from './serve/rig.ts';

const root = resolve(import.meta.dirname, '../..');
const sources = ['agent', 'cli', 'node', 'relay', 'schema', 'worker', 'package.json', 'wrangler.toml', 'tsconfig.json'];

it('a checkout without its built files says which command makes them', () =>
  withDir(async (dir) => {
    for (const name of sources) await cp(join(root, name), join(dir, name), { recursive: true });
    await symlink(join(root, 'node_modules'), join(dir, 'node_modules'));
    await rm(join(dir, 'worker/static'), { recursive: true });
    const args = ['cli/main.ts', 'serve', '--data', 'data', '--no-relay', '--listen', '127.0.0.1:1'];
    const serve = () => run(process.execPath, args, { cwd: dir }).catch(String);
    expect(await serve()).toContain('npm run prepare');
    // As an older checkout made them.
    await mkdir(join(dir, 'worker/static/ui'), { recursive: true });
    const told = await serve();
    expect(told).toMatch(/worker\/static lacks what pages .* \(not_built\)/);
    expect(told).toContain('npm run prepare');
  }));

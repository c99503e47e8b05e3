import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { takeDirectory } from '../../cli/demo/take-directory.ts';

const root = join(import.meta.dirname, '../..');
const dir = join(root, '.data/demo-embedded');

test('a second demo leaves the first one alone, and says what to do', { timeout: 60_000 }, async () => {
  const held = await takeDirectory(dir);
  onTestFinished(() => held.release());
  const mark = join(`${dir}.lock`, 'mark');
  await writeFile(mark, '');
  onTestFinished(() => rm(mark, { force: true }));
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'cli/demo/main.ts'), '--once'], {
    encoding: 'utf8',
  });
  expect(status).toBe(1);
  expect(stdout).toContain('A demo is running already');
  expect(stdout).toContain('end it with Ctrl-C first');
  expect(existsSync(mark)).toBe(true);
});

test('the directory is free again once its demo has ended', async () => {
  await (await takeDirectory(dir)).release();
  await (await takeDirectory(dir)).release();
});

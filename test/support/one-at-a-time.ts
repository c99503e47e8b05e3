import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, beforeAll } from 'vitest';
import { isAlive } from './is-alive.ts';

/**
 * A setup file for tests that share machines: the files of a project run one at a time, beside those of other projects.
 * `fileParallelism: false` would also keep the other projects waiting.
 */
const lock = join(tmpdir(), `stackferry-tests-${process.env.STACKFERRY_ONE_AT_A_TIME}`);
const holder = join(lock, 'pid');

/** The longest of these files takes five minutes. */
const waitMsMax = 1_200_000;

let held = false;

beforeAll(async () => {
  while (!(await taken())) {
    if (await abandoned()) await rm(lock, { recursive: true, force: true });
    await setTimeout(500);
  }
  held = true;
}, waitMsMax);

// A file that gave up waiting must not release the lock of another.
afterAll(async () => {
  if (held) await rm(lock, { recursive: true, force: true });
});

async function taken(): Promise<boolean> {
  try {
    await mkdir(lock);
  } catch {
    return false;
  }
  await writeFile(holder, String(process.pid));
  return true;
}

async function abandoned(): Promise<boolean> {
  return !isAlive(Number(await readFile(holder, 'utf8').catch(() => process.pid)));
}

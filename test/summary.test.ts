import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from './agent/temporary.ts';
import type { Result } from './support/result-log.ts';

const tests = (...states: string[]) => states.map((state): Result => ({ kind: 'test', state }));
const file = (broken = false): Result => ({ kind: 'file', file: 'test/a.test.ts', ms: 1500, broken });
const end: Result = { kind: 'end' };

it.each([
  ['all passed', [...tests('passed', 'passed'), file(), end], '2 passed, 0 failed', 0],
  ['a test failed', [...tests('passed', 'failed'), file(), end], '1 passed, 1 failed', 1],
  ['a file could not be loaded', [...tests('passed'), file(), file(true), end], '1 passed, 1 failed', 1],
  ['a test was skipped', [...tests('passed', 'skipped'), file(), end], '1 passed, 0 failed, 1 skipped', 0],
  ['nothing ran', [end], '0 passed, 0 failed', 1],
  ['the end was not reached', [...tests('passed'), file()], '1 passed, 1 failed', 1],
])('the summary of a run in which %s', async (_, results, line, code) => {
  const log = join(await temporaryDirectory(), 'results');
  await writeFile(log, results.map((result) => `${JSON.stringify(result)}\n`).join(''));
  const { STACKFERRY_REQUIRE_ALL: _all, ...env } = process.env;
  const summary = spawnSync(process.execPath, [join(import.meta.dirname, 'support/summary.ts'), log], { env });
  const last = summary.stdout.toString().trim().split('\n').at(-1);
  expect([last, summary.status]).toEqual([line, code]);
});

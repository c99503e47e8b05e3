import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { temporaryDirectory } from './agent/temporary.ts';

const counts = { numPassedTests: 3, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0 };
const file = (status: string, ...tests: string[]) => ({
  status,
  assertionResults: tests.map((one) => ({ status: one })),
});

it.each([
  ['all passed', {}, [file('passed', 'passed')], '3 passed, 0 failed', 0],
  ['a test failed', { numFailedTests: 1 }, [file('failed', 'failed')], '3 passed, 1 failed', 1],
  ['a file could not be loaded', {}, [file('passed', 'passed'), file('failed')], '3 passed, 1 failed', 1],
  ['a clean-up failed', {}, [file('failed', 'passed')], '3 passed, 1 failed', 1],
  ['a test was skipped', { numPendingTests: 2 }, [file('passed', 'passed')], '3 passed, 0 failed, 2 skipped', 0],
])('the summary of a run in which %s', async (_, numbers, testResults, line, code) => {
  const report = join(await temporaryDirectory(), 'report.json');
  await writeFile(report, JSON.stringify({ ...counts, ...numbers, testResults }));
  const { STACKFERRY_REQUIRE_ALL: _all, ...env } = process.env;
  const summary = spawnSync(process.execPath, [join(import.meta.dirname, 'support/summary.ts'), report], { env });
  expect([summary.stdout.toString().trim(), summary.status]).toEqual([line, code]);
});

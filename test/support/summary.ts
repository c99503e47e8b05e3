import { readFile } from 'node:fs/promises';

/** Sums vitest's JSON report to one plain line. A run that executed nothing has failed. */
const [path] = process.argv.slice(2);
if (!path) throw new Error('summary.ts REPORT.json');
const report = JSON.parse(await readFile(path, 'utf8')) as {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  numFailedTestSuites: number;
  testResults: { status: string; assertionResults: unknown[] }[];
};
// A file that could not be loaded has no tests to fail; it counts as one.
const unloaded = report.testResults.filter(
  ({ status, assertionResults }) => status === 'failed' && assertionResults.length === 0,
);
const failed = report.numFailedTests + unloaded.length;
const skipped = report.numPendingTests + report.numTodoTests;
process.stdout.write(`${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
if (failed > 0 || report.numPassedTests === 0) process.exitCode = 1;
if (skipped > 0 && process.env.STACKFERRY_REQUIRE_ALL) process.exitCode = 1;

import { readFile } from 'node:fs/promises';

/** Sums vitest's JSON report to one plain line. A run that executed nothing has failed. */
const [path] = process.argv.slice(2);
if (!path) throw new Error('summary.ts REPORT.json');
const report = JSON.parse(await readFile(path, 'utf8')) as {
  numPassedTests: number;
  numFailedTests: number;
  numPendingTests: number;
  numTodoTests: number;
  testResults: { status: string; assertionResults: { status: string }[] }[];
};
// A file that could not be loaded or cleaned up fails without a failed test of its own; it counts as one.
const failedFiles = report.testResults.filter(
  (file) => file.status === 'failed' && file.assertionResults.every(({ status }) => status !== 'failed'),
);
const failed = report.numFailedTests + failedFiles.length;
const skipped = report.numPendingTests + report.numTodoTests;
process.stdout.write(`${report.numPassedTests} passed, ${failed} failed${skipped > 0 ? `, ${skipped} skipped` : ''}\n`);
if (failed > 0 || report.numPassedTests === 0) process.exitCode = 1;
if (skipped > 0 && process.env.STACKFERRY_REQUIRE_ALL) process.exitCode = 1;

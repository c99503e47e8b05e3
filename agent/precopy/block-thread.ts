import { parentPort } from 'node:worker_threads';
import type { ThreadJob } from './block-threads.ts';
import { changedSections } from './changed-sections.ts';
import { tagUnit } from './unit-tag.ts';

/** Main loop of the worker thread: one answer per job, in order. */
export function answerJobs(): void {
  parentPort?.on('message', (job: ThreadJob) => parentPort?.postMessage(attempt(job)));
}

function attempt(job: ThreadJob): number | Error {
  try {
    return job.kind === 'changed' ? changedSections(job) : tagUnit(job);
  } catch (error) {
    return error as Error;
  }
}

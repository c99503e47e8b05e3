import { parentPort } from 'node:worker_threads';
import { type BlockJob, changedSections } from './changed-sections.ts';

/** Main loop of the worker thread: one answer per job, in order. */
export function answerJobs(): void {
  parentPort?.on('message', (job: BlockJob) => parentPort?.postMessage(attempt(job)));
}

function attempt(job: BlockJob): number | Error {
  try {
    return changedSections(job);
  } catch (error) {
    return error as Error;
  }
}

import { parentPort } from 'node:worker_threads';
import { type BlockJob, changedSections } from './changed-sections.ts';

// One answer per job, in their order.
parentPort?.on('message', (job: BlockJob) => parentPort?.postMessage(attempt(job)));

function attempt(job: BlockJob): number | Error {
  try {
    return changedSections(job);
  } catch (error) {
    return error as Error;
  }
}

import { Worker } from 'node:worker_threads';
import { limits } from '../../schema/limits.ts';
import { program } from '../program.ts';
import type { BlockJob } from './changed-sections.ts';
import type { UnitJob } from './unit-tag.ts';

interface Thread {
  worker: Worker;
  /** In the order of the answers. */
  waiting: { resolve: (bytes: number) => void; reject: (error: Error) => void }[];
}

const threads: Thread[] = [];

export type ThreadJob = BlockJob | UnitJob;

/** Runs `changedSections` or `tagUnit` in a thread: reading a database's blocks keeps a core busy. */
export function runInThread(job: ThreadJob): Promise<number> {
  const thread = leastBusy();
  return new Promise((resolve, reject) => {
    thread.waiting.push({ resolve, reject });
    thread.worker.ref();
    thread.worker.postMessage(job);
  });
}

function leastBusy(): Thread {
  const [thread] = threads.toSorted((a, b) => a.waiting.length - b.waiting.length);
  if (!thread || (thread.waiting.length > 0 && threads.length < limits.warm.threadsMax)) return startThread();
  return thread;
}

/** The thread stays, but keeps the process alive only while it has work. */
function startThread(): Thread {
  const thread: Thread = { worker: new Worker(program, { argv: ['block-thread'] }), waiting: [] };
  thread.worker.on('message', (answer: number | Error) => {
    const asked = thread.waiting.shift();
    if (typeof answer === 'number') asked?.resolve(answer);
    else asked?.reject(answer);
    if (thread.waiting.length === 0) thread.worker.unref();
  });
  const lose = (error: Error) => {
    const at = threads.indexOf(thread);
    if (at >= 0) threads.splice(at, 1);
    for (const { reject } of thread.waiting.splice(0)) reject(error);
  };
  thread.worker.once('error', lose);
  thread.worker.once('exit', (code) => lose(new Error(`a thread that compares blocks ended with ${code}`)));
  threads.push(thread);
  return thread;
}

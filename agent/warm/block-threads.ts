import { extname } from 'node:path';
import { Worker } from 'node:worker_threads';
import { limits } from '../../schema/limits.ts';
import type { BlockJob } from './changed-sections.ts';

interface Thread {
  worker: Worker;
  /** In the order of the answers. */
  waiting: { resolve: (bytes: number) => void; reject: (error: Error) => void }[];
}

/** Beside this file, built or not. */
const entry = new URL(`./block-thread${extname(import.meta.filename)}`, import.meta.url);
const threads: Thread[] = [];

/** `changedSections` in a thread: comparing the blocks of a database keeps a core busy, and it need not be ours. */
export function changedSectionsInThread(job: BlockJob): Promise<number> {
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

/** It stays, and keeps no process alive unless there is something to do. */
function startThread(): Thread {
  const thread: Thread = { worker: new Worker(entry), waiting: [] };
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

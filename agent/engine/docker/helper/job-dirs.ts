import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../../../../schema/limits.ts';
import { makeFifos } from './fifo.ts';

/**
 * Creates directories through which a helper's task exchanges data (FIFO `data`) and reports its end. Single use: data
 * left in a FIFO must not reach another task.
 */
export async function makeJobDirs(ioDir: string, count: number): Promise<string[]> {
  const made = Array.from({ length: count }, () => join(ioDir, randomUUID()));
  for (const exchange of made) await mkdir(exchange, { mode: 0o700 });
  await makeFifos(made.map((exchange) => join(exchange, 'data')));
  return made;
}

/** Removes job directories of an earlier run of this agent, which nothing uses any more. */
export async function sweepExchanges(ioDir: string): Promise<void> {
  for (const name of await readdir(ioDir)) await rm(join(ioDir, name), { recursive: true, force: true });
}

export interface JobDirs {
  take(): Promise<string>;
}

/** Creates directories in advance and in batches: starting a process blocks this one for longer than `mkfifo` takes. */
export function createExchanges(ioDir: string): JobDirs {
  const { exchangesAhead } = limits.agent;
  const ready: string[] = [];
  let making: Promise<void> | null = null;
  const refill = () => {
    making ??= makeJobDirs(ioDir, exchangesAhead)
      .then((made) => void ready.push(...made))
      .finally(() => {
        making = null;
      });
    return making;
  };
  const take = async (): Promise<string> => {
    if (ready.length <= exchangesAhead / 2) {
      const refilled = refill();
      if (ready.length === 0) await refilled;
      // A failure shows up in the next `take` that needs a refill.
      else refilled.catch(() => {});
    }
    return ready.pop() ?? take();
  };
  refill().catch(() => {});
  return { take };
}

import { randomUUID } from 'node:crypto';
import { mkdir, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../../../schema/limits.ts';
import { makeFifos } from './fifo.ts';

/**
 * A directory through which one task of a helper gives or gets its bytes, by the FIFO `data`, and tells its end. Used once:
 * what is left in a FIFO must not come out in another task.
 */
export async function makeExchanges(ioDir: string, count: number): Promise<string[]> {
  const made = Array.from({ length: count }, () => join(ioDir, randomUUID()));
  for (const exchange of made) await mkdir(exchange, { mode: 0o700 });
  await makeFifos(made.map((exchange) => join(exchange, 'data')));
  return made;
}

/** Removes what tasks of an earlier run of this agent left: nothing is at work in it, and nothing removes it later. */
export async function sweepExchanges(ioDir: string): Promise<void> {
  for (const name of await readdir(ioDir)) await rm(join(ioDir, name), { recursive: true, force: true });
}

export interface Exchanges {
  take(): Promise<string>;
}

/** Some made before they are needed, many by one process: starting it holds this one up for longer than its work takes. */
export function createExchanges(ioDir: string): Exchanges {
  const { exchangesAhead } = limits.agent;
  const ready: string[] = [];
  let making: Promise<void> | null = null;
  const refill = () => {
    making ??= makeExchanges(ioDir, exchangesAhead)
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
      // Where none could be made, the next who needs one is told.
      else refilled.catch(() => {});
    }
    return ready.pop() ?? take();
  };
  refill().catch(() => {});
  return { take };
}

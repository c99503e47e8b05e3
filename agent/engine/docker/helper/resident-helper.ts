import { randomUUID } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { StackferryError } from '../../../../schema/errors.ts';
import { limits } from '../../../../schema/limits.ts';
import { makeFifos, readFifo, writeFifo } from './fifo.ts';
import { type HelperRuntime, type HelperSpec, startHelper } from './helper.ts';
import { createExchanges } from './job-dirs.ts';

/**
 * A resident helper: started while the stack still runs, to keep container creation out of the downtime. It reads job
 * names from one FIFO, runs `/io/<job>`, and reports each exit code on another.
 */
export interface PooledHelper {
  /** Runtime whose tasks run in this helper. */
  place: HelperRuntime;
  /** False after it was closed, or ended by itself. */
  isOpen(): boolean;
  close(): Promise<void>;
}

const loop = `
  exec 3</io/jobs 4>/io/ends
  while IFS= read -r job <&3; do
    { sh "/io/$job"; echo "$job $?" >&4; } </dev/null &
  done`;

/**
 * Starts a resident helper. It closes after `idleMsMax` without a job unless `isHeld`: a source is not notified when a
 * migration ends before the stop.
 */
export async function openResidentHelper(
  place: HelperRuntime,
  { idleMsMax, isHeld = () => false, ...spec }: HelperSpec & { idleMsMax: number; isHeld?: () => boolean },
): Promise<PooledHelper> {
  const ioDir = join(place.ioDir, randomUUID());
  await mkdir(ioDir, { recursive: true, mode: 0o700 });
  await makeFifos([join(ioDir, 'jobs'), join(ioDir, 'ends')]);
  const jobs = writeFifo(join(ioDir, 'jobs'));
  const ends = readFifo(join(ioDir, 'ends'));
  const waiting = new Map<string, { resolve: (code: number) => void; reject: (error: Error) => void }>();
  const closing = new AbortController();
  let over: Error | null = null;

  const fail = (error: Error) => {
    over ??= error;
    for (const { reject } of waiting.values()) reject(over);
    waiting.clear();
  };
  const onEnd = (line: string) => {
    const [job = '', code] = line.split(' ');
    waiting.get(job)?.resolve(Number(code));
    waiting.delete(job);
  };
  let rest = '';
  ends.stream.on('data', (bytes: Buffer) => {
    const lines = (rest + bytes.toString('latin1')).split('\n');
    rest = lines.pop() ?? '';
    lines.forEach(onEnd);
  });
  ends.stream.on('error', fail);
  jobs.on('error', fail);

  const discard = async () => {
    jobs.destroy();
    ends.ended();
    ends.stream.destroy();
    await rm(ioDir, { recursive: true, force: true });
  };
  const container = await startHelper(place, { ...spec, signal: closing.signal }, ioDir, loop).catch(async (error) => {
    await discard();
    throw error;
  });
  const gone = new StackferryError('engine_error', 'The helper container ended before its work was done.');
  container.ended.then(() => fail(gone), fail);

  const run = (script: string, signal: AbortSignal): Promise<number> => {
    if (over) return Promise.reject(over);
    signal.throwIfAborted();
    if (waiting.size >= limits.warm.jobsMax) return Promise.reject(new Error('too many jobs for one helper'));
    const job = randomUUID();
    clearTimeout(idle);
    return new Promise<number>((resolve, reject) => {
      waiting.set(job, { resolve, reject });
      // A running job can't be cancelled, so its helper is stopped.
      signal.addEventListener('abort', close, { once: true });
      // Latin-1 like all paths: names are bytes.
      writeFile(join(ioDir, job), script, { mode: 0o600, encoding: 'latin1' })
        .then(() => jobs.write(`${job}\n`))
        .catch(reject);
    }).finally(async () => {
      signal.removeEventListener('abort', close);
      await rm(join(ioDir, job), { force: true });
      awaitIdle();
    });
  };

  let idle: NodeJS.Timeout | undefined;
  const awaitIdle = () => {
    clearTimeout(idle);
    if (!over && waiting.size === 0) idle = setTimeout(() => (isHeld() ? awaitIdle() : close()), idleMsMax).unref();
  };
  let closed: Promise<void> | null = null;
  const close = () => {
    clearTimeout(idle);
    closed ??= (async () => {
      fail(new StackferryError('cancelled', 'The helper was told to end.'));
      closing.abort();
      await container.remove();
      await discard();
    })();
    return closed;
  };
  const exchanges = createExchanges(ioDir);
  awaitIdle();
  return { place: { ...place, ioDir, resident: { run, exchanges } }, isOpen: () => over === null, close };
}

import { rm, writeFile } from 'node:fs/promises';
import type { LargeFile } from '../../../precopy/delta-stream.ts';
import { type HelperRuntime, type HelperTask, runInHelper } from '../helper/helper.ts';
import { sharedFile } from '../precopy/pass-files.ts';
import { timesScript } from './tar-arguments.ts';

type Task = Omit<HelperTask, 'script' | 'arguments'>;

/** Runs a script in a resident helper over a NUL-terminated list, passed through a file: an argument is limited to 128 KiB. */
export async function runOverList(
  place: HelperRuntime,
  task: Task,
  list: Buffer,
  scriptOf: (list: string) => string,
): Promise<void> {
  const { here, there } = sharedFile(place);
  await writeFile(here, list, { mode: 0o600, flag: 'wx' });
  await runInHelper(place, { ...task, script: scriptOf(there) }).finally(() => rm(here, { force: true }));
}

/** Sets the modification times of files: Node can't set nanoseconds. */
export function setTimes(
  place: HelperRuntime,
  task: Task,
  written: Pick<LargeFile, 'path' | 'mtime'>[],
): Promise<void> {
  const records = written.map(({ path, mtime }) => `${mtime} ${path}\0`);
  return runOverList(place, task, Buffer.from(records.join(''), 'latin1'), timesScript);
}

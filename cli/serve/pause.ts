import { once } from 'node:events';
import { readdir, readFile, readlink } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { doOnDeath } from '../local/end-with-parent.ts';

/** Stops all threads of a process; resolves to a function that resumes it. It also resumes if this process dies. */
export async function pause(pid: number): Promise<() => Promise<void>> {
  const guardian = doOnDeath(`kill -CONT ${pid}`);
  await once(guardian, 'spawn');
  const resume = async () => {
    process.kill(pid, 'SIGCONT');
    guardian.kill('SIGKILL');
  };
  try {
    process.kill(pid, 'SIGSTOP');
    // A thread that waits for the disk stops only afterwards.
    while (!(await isStopped(pid))) await sleep(1);
    return resume;
  } catch (error) {
    await resume().catch(() => {});
    throw error;
  }
}

async function isStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${pid}/task`);
  const stats = await Promise.all(
    threads.map((thread) => readFile(`/proc/${pid}/task/${thread}/stat`, 'utf8').catch(() => '')),
  );
  // The state follows the name, which is in parentheses. A thread that has ended since has no file.
  return stats.every((stat) => stat === '' || /^[TtZX]/.test(stat.slice(stat.lastIndexOf(')') + 2)));
}

/** True if the process has the file open. Rules out a reused pid, and the same pid in another container. */
export async function hasOpen(pid: number, path: string): Promise<boolean> {
  const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
  for (const descriptor of descriptors)
    if ((await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => null)) === path) return true;
  return false;
}

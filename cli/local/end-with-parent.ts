import { type ChildProcess, spawn } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';

/**
 * From now on every child process with the program `name` is killed when this process ends, even by SIGKILL: the next
 * start must not meet an old one on the same state. A shell waits on a pipe that only this process holds open. Returns
 * the live set of pids.
 */
export function endWithParent(name: string): ReadonlySet<number> {
  const known = guarded.get(name);
  if (known) return known;
  const running = new Set<number>();
  guarded.set(name, running);
  subscribe('child_process', (message) => {
    const { process: child } = message as { process: ChildProcess };
    child.once('spawn', () => {
      if (!child.spawnfile.endsWith(`/${name}`)) return;
      const { pid } = child as { pid: number };
      running.add(pid);
      child.once('exit', () => running.delete(pid));
      const guardian = doOnDeath(`kill -9 ${pid}`);
      child.once('exit', () => guardian.kill('SIGKILL'));
    });
  });
  return running;
}

const guarded = new Map<string, Set<number>>();

/**
 * Starts a shell that runs `command` when this process ends, however it does, or when the shell's standard input is
 * closed.
 */
export function doOnDeath(command: string): ChildProcess {
  const guardian = spawn('sh', ['-c', `read -r _; ${command}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without a shell there is no guard, but nothing else fails.
  guardian.on('error', () => {});
  guardian.unref();
  (guardian.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  return guardian;
}

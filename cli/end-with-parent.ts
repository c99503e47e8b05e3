import { type ChildProcess, spawn } from 'node:child_process';
import { subscribe } from 'node:diagnostics_channel';

/**
 * From now on every child process of this program `name` ends when this process does, also by SIGKILL: else the next
 * start would meet the old one on the same state. A shell waits on a pipe that only this process holds open.
 */
export function endWithParent(name: string): void {
  if (guarded.has(name)) return;
  guarded.add(name);
  subscribe('child_process', (message) => {
    const { process: child } = message as { process: ChildProcess };
    child.once('spawn', () => {
      if (child.spawnfile.endsWith(`/${name}`)) guard(child);
    });
  });
}

const guarded = new Set<string>();

function guard(child: ChildProcess): void {
  const guardian = spawn('sh', ['-c', `read -r _; kill -9 ${child.pid}`], {
    stdio: ['pipe', 'ignore', 'ignore'],
    detached: true,
  });
  // Without a shell there is no guard, and nothing else is lost.
  guardian.on('error', () => {});
  guardian.unref();
  (guardian.stdin as unknown as { unref?: () => void } | null)?.unref?.();
  child.once('exit', () => guardian.kill('SIGKILL'));
}

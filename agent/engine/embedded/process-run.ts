import { spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { limits } from '../../../schema/limits.ts';
import { isAlive } from '../../lease/live-process.ts';

/** A container's process, which any agent on this host can find: the process itself writes the run's files. */
export interface ProcessRun {
  id: string;
  started_at: string;
}

export type RunState =
  | { state: 'running'; pid: number }
  /** Spawned, its pid not yet written. */
  | { state: 'starting' }
  | { state: 'exited'; exit_code: number };

/**
 * The shell stays as the parent, in a process group of its own, to record the exit code even without a running agent.
 * `trap :` lets it survive a SIGTERM to the group. The trap is set after the fork, since a signal would be lost if it
 * reached the child with its parent's trap, before the exec. The pid is written only when both can be signalled; a
 * signal interrupts `wait`, hence the loop.
 */
const script = `pid=$1.pid; exitfile=$1.exit; shift
"$@" &
child=$!
trap : TERM INT HUP
{ echo $$; cut -d' ' -f22 /proc/$$/stat; } > "$pid.tmp" 2>/dev/null; mv "$pid.tmp" "$pid"
wait $child; code=$?
while kill -0 $child 2>/dev/null; do wait $child; code=$?; done
echo $code > "$exitfile.tmp"; mv "$exitfile.tmp" "$exitfile"`;

/** The caller stores the run before it starts it, so that no process is ever without a record. */
export function newRun(): ProcessRun {
  return { id: randomUUID(), started_at: new Date().toISOString() };
}

export function startProcess(
  runs: string,
  run: ProcessRun,
  options: { command: string[]; cwd: string; env: Record<string, string> },
): void {
  const child = spawn('/bin/sh', ['-c', script, 'sh', join(runs, run.id), ...options.command], {
    cwd: options.cwd,
    env: options.env,
    detached: true,
    // A log would grow without bound, and the output of services is private.
    stdio: 'ignore',
  });
  // A failed spawn shows as a run without a pid, which counts as exited.
  child.on('error', () => {});
  child.unref();
}

export async function lookAtRun(runs: string, run: ProcessRun): Promise<RunState> {
  const [pidText, exitText] = await Promise.all([
    readOrNull(join(runs, `${run.id}.pid`)),
    readOrNull(join(runs, `${run.id}.exit`)),
  ]);
  if (exitText !== null) return { state: 'exited', exit_code: Number(exitText) };
  if (pidText === null) {
    const young = Date.now() - Date.parse(run.started_at) < limits.agent.embedded.spawnMsMax;
    return young ? { state: 'starting' } : { state: 'exited', exit_code: 127 };
  }
  const [pid = '', startTicks = ''] = pidText.split('\n');
  if (await isAlive(Number(pid), startTicks)) return { state: 'running', pid: Number(pid) };
  // It may have written its exit code between the two checks; without one it was killed.
  const late = await readOrNull(join(runs, `${run.id}.exit`));
  return { state: 'exited', exit_code: late === null ? 137 : Number(late) };
}

/** Signals the process group; ignores one that is gone. */
export function signalRun(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(-pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
  }
}

export async function forgetRun(runs: string, run: ProcessRun): Promise<void> {
  for (const end of ['pid', 'exit']) await rm(join(runs, `${run.id}.${end}`), { force: true });
}

async function readOrNull(path: string): Promise<string | null> {
  try {
    return await readFile(path, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}

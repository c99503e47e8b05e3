import { existsSync } from 'node:fs';
import { readFile } from 'node:fs/promises';

/** True if that very process is alive, matched by pid and start time since pids are reused. Zombies count as dead. */
export async function isAlive(pid: number, startTicks: string): Promise<boolean> {
  if (!Number.isInteger(pid) || pid <= 1) return false;
  if (!hasProc) return answersSignal(pid);
  const fields = await statFields(pid);
  return fields !== null && fields[0] !== 'Z' && fields[0] !== 'X' && fields[19] === startTicks;
}

/** Returns this process's start time in clock ticks since boot, empty without /proc. */
export async function ownStartTicks(): Promise<string> {
  return (await statFields(process.pid))?.[19] ?? '';
}

const hasProc = existsSync('/proc/self/stat');

/**
 * Returns the fields from the state on. The command name may contain spaces and parentheses, so the fields are counted
 * from its last closing parenthesis.
 */
async function statFields(pid: number): Promise<string[] | null> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
}

function answersSignal(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

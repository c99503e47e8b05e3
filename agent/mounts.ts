import { readFile } from 'node:fs/promises';
import { realOf } from './real-path.ts';

/** What paths of this host really are. */
export interface HostPaths {
  mountsBelow(directory: string): Promise<string[]>;
  /** Without symbolic links, as far as it exists. */
  real(path: string): Promise<string>;
}

/** Mount points at or below a directory, as this process sees them. Empty where there is no /proc. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  // The table names no links.
  const real = await realOf(directory);
  return mountPoints(table).filter((path) => path === real || path.startsWith(`${real}/`));
}

/** The fifth field of each line of a mountinfo table. */
export function mountPoints(table: string): string[] {
  return table.split('\n').flatMap((line) => {
    const path = line.split(' ')[4];
    return path ? [unescapedPath(path)] : [];
  });
}

/** A path as mountinfo has it, with blanks and the like as octal escapes (proc_pid_mountinfo(5)). */
export const unescapedPath = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)));

export const hostPaths: HostPaths = { mountsBelow, real: realOf };

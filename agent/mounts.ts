import { lstat, readFile } from 'node:fs/promises';
import { realOf } from './real-path.ts';

export interface HostPaths {
  mountsBelow(directory: string): Promise<string[]>;
  /** Resolves symbolic links in the part of the path that exists. */
  real(path: string): Promise<string>;
  /** Identifies what is at a path among later ones; null if nothing is. */
  mark(path: string): Promise<string | null>;
}

/** Returns the mount points at or below a directory, as this process sees them. Empty without /proc. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  // Paths in the table have their links resolved.
  const real = await realOf(directory);
  return mountPoints(table).filter((path) => path === real || path.startsWith(`${real}/`));
}

/** Returns the fifth field of each line of a mountinfo table. */
export function mountPoints(table: string): string[] {
  return table.split('\n').flatMap((line) => {
    const path = line.split(' ')[4];
    return path ? [unescapedPath(path)] : [];
  });
}

/** Decodes a mountinfo path, where blanks and the like are octal escapes (proc_pid_mountinfo(5)). */
export const unescapedPath = (path: string): string =>
  path.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)));

/** Inode numbers are reused, so the birth time counts too. */
export async function markOf(path: string): Promise<string | null> {
  const stats = await lstat(path, { bigint: true }).catch(() => null);
  return stats && `${stats.ino}:${stats.birthtimeNs}`;
}

export const hostPaths: HostPaths = { mountsBelow, real: realOf, mark: markOf };

import { readFile } from 'node:fs/promises';

/** Mount points at or below a directory: deleting it would reach into what is mounted there. Empty where there is no /proc. */
export async function mountsBelow(directory: string): Promise<string[]> {
  const table = await readFile('/proc/self/mountinfo', 'utf8').catch(() => '');
  return mountPoints(table).filter((path) => path === directory || path.startsWith(`${directory}/`));
}

/** The fifth field of each line, with blanks and the like as octal escapes (proc_pid_mountinfo(5)). */
export function mountPoints(table: string): string[] {
  return table.split('\n').flatMap((line) => {
    const path = line.split(' ')[4];
    return path ? [path.replace(/\\([0-7]{3})/g, (_, code) => String.fromCharCode(Number.parseInt(code, 8)))] : [];
  });
}

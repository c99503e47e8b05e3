import { utimesSync, writeFileSync } from 'node:fs';
import { limits } from '../schema/limits.ts';

/**
 * Updates a file's time while `isConnected`, for a container's health check. Does nothing without a path. A file that
 * can't be written is ignored: the check then fails.
 */
export function keepHealthFile(path: string | undefined, isConnected: () => boolean): void {
  if (!path) return;
  const touch = () => {
    if (!isConnected()) return;
    const now = Date.now() / 1000;
    try {
      writeFileSync(path, '', { flag: 'a' });
      utimesSync(path, now, now);
    } catch {
      // An old file says the same as a failed check.
    }
  };
  setInterval(touch, limits.control.healthFileIntervalMs).unref();
}

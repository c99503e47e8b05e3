import { appendFileSync, statSync, truncateSync } from 'node:fs';

/** For a detached process: truncates its log when that is full. A log that can't be written must not stop the process. */
export function boundedLogFile(path: string, bytesMax: number): (line: string) => void {
  return (line) => {
    try {
      const size = statSync(path, { throwIfNoEntry: false })?.size ?? 0;
      if (size > bytesMax) truncateSync(path);
      appendFileSync(path, `${line}\n`, { mode: 0o600 });
    } catch {
      // A line is lost, nothing else.
    }
  };
}

import { realpathSync } from 'node:fs';

/** True if Node was started with this file, false if it was imported. */
export function isProgram(filename: string): boolean {
  return process.argv[1] !== undefined && realpathSync(process.argv[1]) === filename;
}

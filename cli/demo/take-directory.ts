import { mkdir } from 'node:fs/promises';
import { CliError, exitCodes } from '../exit-code.ts';
import { type DataLock, tryLock } from '../serve/data-lock.ts';

/** Takes a demo's directory for this process, beside it: a demo begins by removing what is in it. */
export async function takeDirectory(dir: string): Promise<DataLock> {
  const place = `${dir}.lock`;
  await mkdir(place, { recursive: true });
  const held = await tryLock(place);
  if (held) return held;
  throw new CliError('demo_running', `A demo is running already, in ${dir}.`, exitCodes.conflict, [
    'Use that one, or end it with Ctrl-C first.',
  ]);
}

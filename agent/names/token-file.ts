import { open } from 'node:fs/promises';
import type { Log } from '../../node/log.ts';
import { errorMessageOf } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';

/**
 * Reads the token each time it is needed, so a new one counts without a restart. Null if there is no file, or no token in
 * it. It is never logged.
 */
export const tokenIn = (path: string | null, log: Log) => async (): Promise<string | null> => {
  if (path === null) return null;
  try {
    const token = (await firstBytes(path)).trim();
    if (!/^[\x21-\x7e]+$/.test(token)) throw new Error('it holds no token');
    log.secret(token);
    return token;
  } catch (error) {
    log.warn(`the token of Cloudflare in ${path} can't be read: ${errorMessageOf(error)}`);
    return null;
  }
};

async function firstBytes(path: string): Promise<string> {
  const file = await open(path);
  try {
    const buffer = Buffer.alloc(limits.names.tokenFileBytesMax);
    const { bytesRead } = await file.read(buffer, 0, buffer.length, 0);
    return buffer.toString('utf8', 0, bytesRead);
  } finally {
    await file.close();
  }
}

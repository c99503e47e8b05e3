import { mkdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { usageError } from './exit-code.ts';

/** Address and token stored by `stackferry login`; readable by the owner only. */
const login = z.object({ url: z.string(), token: z.string() });
export type Login = z.infer<typeof login>;

export function loginPath(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'stackferry', 'config.json');
}

/** Null if not logged in. */
export async function readLogin(env: NodeJS.ProcessEnv): Promise<Login | null> {
  const path = loginPath(env);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw usageError(`${path} cannot be read (${error.code}).`);
  });
  if (text === null) return null;
  try {
    return login.parse(JSON.parse(text));
  } catch {
    throw usageError(`${path} is damaged.`, 'Log in again: stackferry login URL');
  }
}

export async function writeLogin(env: NodeJS.ProcessEnv, { url, token }: Login): Promise<string> {
  const path = loginPath(env);
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomically(path, `${JSON.stringify({ url, token }, null, 2)}\n`, 0o600);
  return path;
}

export async function removeLogin(env: NodeJS.ProcessEnv): Promise<boolean> {
  const before = await readLogin(env).catch(() => null);
  await rm(loginPath(env), { force: true });
  return before !== null;
}

/** Returns the origin of an address as people type it. */
export function controlOrigin(text: string): string {
  const scheme = /^(localhost|127\.|\[::1\])/.test(text) ? 'http' : 'https';
  const typed = /^[a-z]+:\/\//i.test(text) ? text : `${scheme}://${text}`;
  const url = URL.canParse(typed) ? new URL(typed) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password)
    throw usageError(`"${text}" is no address of a control plane.`, 'One looks like this: https://ferry.example.com');
  return url.origin;
}

import { mkdir, readFile, rm } from 'node:fs/promises';
import { homedir } from 'node:os';
import { dirname, join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../node/atomic-file.ts';
import { limits } from '../schema/limits.ts';
import { usageError } from './exit-code.ts';

/**
 * Addresses and tokens stored by `stackferry login`, by profile; readable by the owner only. The profile `default` is at
 * the top, as before there were others: `{ url, token, current, profiles: { NAME: { url, token } } }`.
 */
const login = z.object({ url: z.string(), token: z.string() });
export type Login = z.infer<typeof login>;

const loginFile = login.partial().extend({
  /** The profile used where none is named. */
  current: z.string().optional(),
  profiles: z.record(z.string(), login).default({}),
});

export interface Logins {
  current: string;
  profiles: Map<string, Login>;
}

export const defaultProfile = 'default';

export function loginPath(env: NodeJS.ProcessEnv): string {
  return join(env.XDG_CONFIG_HOME || join(homedir(), '.config'), 'stackferry', 'config.json');
}

/** All that is stored; nothing if nobody is logged in. Throws if the file is damaged. */
export async function readLogins(env: NodeJS.ProcessEnv): Promise<Logins> {
  const path = loginPath(env);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '{}';
    throw usageError(`${path} cannot be read (${error.code}).`);
  });
  try {
    const { url, token, current = defaultProfile, profiles } = loginFile.parse(JSON.parse(text));
    const first: [string, Login][] = url !== undefined && token !== undefined ? [[defaultProfile, { url, token }]] : [];
    return { current, profiles: new Map([...first, ...Object.entries(profiles)]) };
  } catch {
    throw usageError(`${path} is damaged.`, 'Log in again: stackferry login URL');
  }
}

/** Returns the path of the file. Without a profile left there is none. */
export async function writeLogins(env: NodeJS.ProcessEnv, { current, profiles }: Logins): Promise<string> {
  const path = loginPath(env);
  if (profiles.size === 0) {
    await rm(path, { force: true });
    return path;
  }
  const { [defaultProfile]: first = {}, ...others } = Object.fromEntries(profiles);
  const file = {
    ...first,
    ...(current === defaultProfile ? {} : { current }),
    ...(Object.keys(others).length === 0 ? {} : { profiles: others }),
  };
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  await writeFileAtomically(path, `${JSON.stringify(file, null, 2)}\n`, 0o600);
  return path;
}

/** Returns false if there is no such profile. Afterwards `default` is the current one if this was. */
export async function removeLogin(env: NodeJS.ProcessEnv, name: string): Promise<boolean> {
  const { current, profiles } = await readLogins(env);
  if (!profiles.delete(name)) return false;
  await writeLogins(env, { current: current === name ? defaultProfile : current, profiles });
  return true;
}

/** Precedence: `--profile`, STACKFERRY_PROFILE, `profiles use`. */
export const profileName = (flag: string | undefined, env: NodeJS.ProcessEnv, { current }: Logins): string =>
  checkedName(flag ?? (env.STACKFERRY_PROFILE || current));

function checkedName(name: string): string {
  if (name.length <= limits.cli.profileCharsMax && /^[A-Za-z0-9][\w.-]*$/.test(name)) return name;
  throw usageError(
    `"${name}" is not a valid profile name.`,
    `Use up to ${limits.cli.profileCharsMax} letters, digits, dots, dashes and underscores.`,
  );
}

/** Returns the origin of an address as people type it. */
export function controlOrigin(text: string): string {
  const scheme = /^(localhost|127\.|\[::1\])/.test(text) ? 'http' : 'https';
  const typed = /^[a-z]+:\/\//i.test(text) ? text : `${scheme}://${text}`;
  const url = URL.canParse(typed) ? new URL(typed) : null;
  if (!url || !/^https?:$/.test(url.protocol) || url.username || url.password)
    throw usageError(
      `"${text}" is not the address of a control plane.`,
      'One looks like this: https://ferry.example.com',
    );
  return url.origin;
}

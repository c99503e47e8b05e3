import { type ApiClient, apiClient } from './api-client.ts';
import { CliError, exitCodes } from './exit-code.ts';
import { controlOrigin, defaultProfile, type Login, profileName, readLogins } from './login-file.ts';
import { plainText } from './output/plain-text.ts';
import { openTerminal, type Terminal } from './output/terminal.ts';

/** Context of every command. */
export interface Session {
  term: Terminal;
  env: NodeJS.ProcessEnv;
  /** Value of `--url`. */
  url: string | undefined;
  /** Value of `--profile`. */
  profile: string | undefined;
  /** Where commands go, and by which profile: null if the environment names both address and token. */
  login(): Promise<Login & { profile: string | null }>;
  /** Connects on first use; throws `not_logged_in`. */
  api(): Promise<ApiClient>;
}

export interface GlobalOptions {
  json?: boolean;
  color?: boolean;
  url?: string;
  profile?: string;
}

export function openSession({ json = false, color = true, url, profile }: GlobalOptions, env = process.env): Session {
  const term = openTerminal({ json, color }, env);
  let api: Promise<ApiClient> | null = null;
  return {
    term,
    env,
    url,
    profile,
    login: () => loginOf(url, profile, env),
    api: () => {
      api ??= loginOf(url, profile, env).then((login) => clientOf(term, login));
      return api;
    },
  };
}

/** JSON keeps texts unchanged; a terminal gets sanitised ones. */
export const clientOf = (term: Terminal, { url, token }: Login): ApiClient =>
  apiClient(url, token, term.json ? {} : { readText: plainText });

/**
 * Precedence: flags, environment, `stackferry login`. A stored token is sent only to the address it was stored for, and with
 * `--profile` the environment's address and token do not count.
 */
async function loginOf(
  flag: string | undefined,
  profile: string | undefined,
  env: NodeJS.ProcessEnv,
): Promise<Login & { profile: string | null }> {
  const named = profile === undefined ? env : {};
  const wanted = flag ?? (named.STACKFERRY_URL || undefined);
  const token = named.STACKFERRY_TOKEN || undefined;
  if (wanted !== undefined && token !== undefined) return { url: controlOrigin(wanted), token, profile: null };
  const logins = await readLogins(env);
  const name = profileName(profile, env, logins);
  const kept = logins.profiles.get(name);
  if (!kept && logins.profiles.size > 0 && (profile !== undefined || env.STACKFERRY_PROFILE))
    throw notLoggedIn(`There is no profile "${name}".`, `Log in: stackferry login URL --profile ${name}`);
  const url = wanted === undefined ? kept?.url : controlOrigin(wanted);
  if (url === undefined) throw notLoggedIn('No control plane is known.');
  if (token !== undefined && wanted === undefined && name !== defaultProfile)
    throw notLoggedIn(`STACKFERRY_TOKEN is set, but not for which control plane; the profile "${name}" is in use.`);
  if (token !== undefined) return { url, token, profile: null };
  if (kept?.url !== url) throw notLoggedIn(`There is no token for ${url}.`);
  return { ...kept, profile: name };
}

const notLoggedIn = (message: string, login = 'Log in: stackferry login URL') =>
  new CliError('not_logged_in', message, exitCodes.no_access, [
    login,
    'Or set STACKFERRY_URL and STACKFERRY_TOKEN.',
    'See what is stored: stackferry profiles',
  ]);

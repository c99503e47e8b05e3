import { type ApiClient, apiClient } from './api-client.ts';
import { CliError, exitCodes } from './exit-code.ts';
import { controlOrigin, type Login, readLogin } from './login-file.ts';
import { plainText } from './output/plain-text.ts';
import { openTerminal, type Terminal } from './output/terminal.ts';

/** Context of every command. */
export interface Session {
  term: Terminal;
  env: NodeJS.ProcessEnv;
  /** Value of `--url`. */
  url: string | undefined;
  /** Connects on first use; throws `not_logged_in`. */
  api(): Promise<ApiClient>;
}

export interface GlobalOptions {
  json?: boolean;
  color?: boolean;
  url?: string;
}

export function openSession({ json = false, color = true, url }: GlobalOptions, env = process.env): Session {
  const term = openTerminal({ json, color }, env);
  let api: Promise<ApiClient> | null = null;
  return {
    term,
    env,
    url,
    api: () => {
      api ??= loginOf(url, env).then((login) => clientOf(term, login));
      return api;
    },
  };
}

/** JSON keeps texts unchanged; a terminal gets sanitised ones. */
export const clientOf = (term: Terminal, { url, token }: Login): ApiClient =>
  apiClient(url, token, term.json ? {} : { readText: plainText });

/** Precedence: flags, environment, `stackferry login`. A stored token is sent only to the address it was stored for. */
async function loginOf(flag: string | undefined, env: NodeJS.ProcessEnv): Promise<Login> {
  const wanted = flag ?? (env.STACKFERRY_URL || undefined);
  const token = env.STACKFERRY_TOKEN || undefined;
  if (wanted !== undefined && token !== undefined) return { url: controlOrigin(wanted), token };
  const kept = await readLogin(env);
  const url = wanted === undefined ? kept?.url : controlOrigin(wanted);
  if (url === undefined) throw notLoggedIn('No control plane is known.');
  if (token !== undefined) return { url, token };
  if (kept?.url !== url) throw notLoggedIn(`There is no token for ${url}.`);
  return kept;
}

const notLoggedIn = (message: string) =>
  new CliError('not_logged_in', message, exitCodes.no_access, [
    'Log in: stackferry login URL',
    'Or set STACKFERRY_URL and STACKFERRY_TOKEN.',
  ]);

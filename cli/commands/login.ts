import { page } from '../../schema/api/common.ts';
import { hostView } from '../../schema/api/nodes.ts';
import { askSecret, readSecret } from '../ask.ts';
import { usageError } from '../exit-code.ts';
import {
  controlOrigin,
  defaultProfile,
  type Logins,
  loginPath,
  profileName,
  readLogins,
  removeLogin,
  writeLogins,
} from '../login-file.ts';
import { prose } from '../output/layout.ts';
import { clientOf, type Session } from '../session.ts';

/** Stores an address and a token after the control plane has accepted them. The first profile becomes the current one. */
export async function login(session: Session, url: string | undefined, options: { tokenStdin?: boolean }) {
  const { term, env } = session;
  const logins = await readLogins(env).catch(nothing);
  const profile = profileName(session.profile, env, logins);
  // The environment's address and token belong to no profile that is named.
  const named = session.profile === undefined ? env : {};
  const typed = url ?? session.url ?? (named.STACKFERRY_URL || logins.profiles.get(profile)?.url);
  if (!typed) throw usageError('Which control plane?', 'For example: stackferry login http://127.0.0.1:8787');
  const origin = controlOrigin(typed);
  const token = options.tokenStdin
    ? await readSecret()
    : named.STACKFERRY_TOKEN || (await askSecret(term, `API token for ${origin}: `));
  if (!token) throw usageError('No token was given.');
  if (/\s/.test(token)) throw usageError('A token contains no spaces.');
  await clientOf(term, { url: origin, token }).get('/hosts?limit=1', page(hostView));
  const current = logins.profiles.size === 0 ? profile : logins.current;
  logins.profiles.set(profile, { url: origin, token });
  const path = await writeLogins(env, { current, profiles: logins.profiles });
  if (isReadableOnTheWay(origin))
    term.err(...prose(term, `Note: ${origin} is not encrypted; anyone on the network path can read the token.`));
  if (term.json) return term.document({ url: origin, profile, path });
  const as = profile === defaultProfile ? '' : ` as the profile "${profile}"`;
  term.out(`Logged in to ${origin}${as}; kept in ${path}`);
  if (current !== profile) term.out(`Use it with --profile ${profile}, or always: stackferry profiles use ${profile}`);
}

export async function logout({ term, env, profile }: Session) {
  const logins = await readLogins(env).catch(async () => {
    await writeLogins(env, nothing());
    return nothing();
  });
  const name = profileName(profile, env, logins);
  const removed = await removeLogin(env, name);
  if (term.json) return term.document({ removed, profile: name });
  term.out(
    removed
      ? `Logged out; the profile "${name}" is removed from ${loginPath(env)}. The token itself stays valid until it is revoked.`
      : `There is no profile "${name}", so there was nothing to log out of.`,
  );
}

/** In place of a damaged file: login and logout replace it. */
const nothing = (): Logins => ({ current: defaultProfile, profiles: new Map() });

const isReadableOnTheWay = (origin: string) => !/^(https:|http:\/\/(127\.|localhost|\[::1\]))/.test(origin);

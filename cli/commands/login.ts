import { page } from '../../schema/api/common.ts';
import { hostView } from '../../schema/api/nodes.ts';
import { askSecret, readSecret } from '../ask.ts';
import { usageError } from '../exit-code.ts';
import { controlOrigin, loginPath, readLogin, removeLogin, writeLogin } from '../login-file.ts';
import { prose } from '../output/layout.ts';
import { clientOf, type Session } from '../session.ts';

/** Stores an address and a token after the control plane has accepted them. */
export async function login(session: Session, url: string | undefined, options: { tokenStdin?: boolean }) {
  const { term, env } = session;
  const kept = await readLogin(env).catch(() => null);
  const typed = url ?? session.url ?? (env.STACKFERRY_URL || kept?.url);
  if (!typed) throw usageError('Which control plane?', 'For example: stackferry login http://127.0.0.1:8787');
  const origin = controlOrigin(typed);
  const token = options.tokenStdin
    ? await readSecret()
    : env.STACKFERRY_TOKEN || (await askSecret(term, `API token for ${origin}: `));
  if (!token) throw usageError('No token came.');
  if (/\s/.test(token)) throw usageError('A token has no spaces in it.');
  await clientOf(term, { url: origin, token }).get('/hosts?limit=1', page(hostView));
  const path = await writeLogin(env, { url: origin, token });
  if (isReadableOnTheWay(origin))
    term.err(...prose(term, `Note: ${origin} is not encrypted; anyone on the network path can read the token.`));
  if (term.json) term.document({ url: origin, path });
  else term.out(`Logged in to ${origin}; kept in ${path}`);
}

export async function logout({ term, env }: Session) {
  const removed = await removeLogin(env);
  if (term.json) term.document({ removed });
  else
    term.out(
      removed
        ? `Logged out; ${loginPath(env)} is deleted. The token itself is good until it is revoked.`
        : 'Nobody was logged in.',
    );
}

const isReadableOnTheWay = (origin: string) => !/^(https:|http:\/\/(127\.|localhost|\[::1\]))/.test(origin);

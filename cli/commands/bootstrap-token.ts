import { hashToken, newToken } from '../../worker/store/token-format.ts';
import type { Session } from '../session.ts';

/**
 * Creates the first admin token of a control plane on Cloudflare, which gets only its hash: see
 * `worker/auth/bootstrap.ts`.
 */
export async function bootstrapToken({ term }: Session) {
  const token = newToken('sfy');
  const hash = await hashToken(token);
  if (term.json) {
    term.document({ token, hash });
    return;
  }
  term.out(
    'Keep this token: it is the first that may administer the control plane, and is shown only once.',
    '',
    `  ${token}`,
    '',
    'Give the control plane its hash, then log in:',
    '',
    `  echo ${hash} | npx wrangler secret put BOOTSTRAP_TOKEN_HASH`,
    '  stackferry login https://YOUR-CONTROL-PLANE',
    '',
    'The hash is ignored once a token exists.',
  );
}

import type { Env } from '../env.ts';
import { Problem } from '../routes/problem.ts';
import { judgeUrl } from './url-policy.ts';

/** The `callback_url` of a request as it is kept; null where none was given. Throws where events may not go there. */
export function callbackUrl(env: Env, given: string | undefined): string | null {
  if (given === undefined) return null;
  const verdict = judgeUrl(given, { development: env.DEVELOPMENT === 'true' });
  if (verdict.ok) return verdict.url;
  throw new Problem('url_refused', `callback_url: ${verdict.why}`, {
    errors: [{ path: 'callback_url', message: verdict.why }],
  });
}

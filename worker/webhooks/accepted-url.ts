import type { Env } from '../env.ts';
import { Problem } from '../routes/problem.ts';
import { judgeUrl } from './url-policy.ts';

/** The URL as it is kept and called. Throws where events may not go there; `field` is the request's name for it. */
export function acceptedUrl(env: Env, field: 'url' | 'callback_url', given: string): string {
  const verdict = judgeUrl(given, { development: env.DEVELOPMENT === 'true' });
  if (verdict.ok) return verdict.url;
  throw new Problem('url_refused', `${field}: ${verdict.why}`, { errors: [{ path: field, message: verdict.why }] });
}

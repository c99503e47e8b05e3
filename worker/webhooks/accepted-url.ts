import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';
import { judgeUrl } from './url-policy.ts';

/** Returns the URL as stored and called. Throws if events may not be sent there; `field` is its name in the request. */
export function acceptedUrl(env: Env, field: 'url' | 'callback_url', given: string): string {
  const verdict = judgeUrl(given, { development: env.DEVELOPMENT === 'true' });
  if (verdict.ok) return verdict.url;
  throw new Problem('url_refused', `${field}: ${verdict.why}`, { errors: [{ path: field, message: verdict.why }] });
}

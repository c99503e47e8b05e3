import type { WebhookKind } from '../../schema/webhook-kinds.ts';
import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';
import { refusedUrl } from './notify/refused-url.ts';
import { judgeUrl } from './url-policy.ts';

/** Returns the URL as stored and called. Throws if events may not be sent there; `field` is its name in the request. */
export function acceptedUrl(
  env: Env,
  field: 'url' | 'callback_url',
  given: string,
  kind: WebhookKind = 'standard',
): string {
  const verdict = judgeUrl(given, { development: env.DEVELOPMENT === 'true' });
  const why = verdict.ok ? refusedUrl(kind, verdict.url) : verdict.why;
  if (verdict.ok && why === null) return verdict.url;
  throw new Problem('url_refused', `${field}: ${why}`, { errors: [{ path: field, message: why ?? '' }] });
}

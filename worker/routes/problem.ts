import type { Context } from 'hono';
import { HTTPException } from 'hono/http-exception';
import type { z } from 'zod';
import type { problem } from '../../schema/api.ts';
import { type ErrorCode, errorStatus, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { authorityProblems } from '../hosts/authority-problems.ts';
import { log } from '../log.ts';
import { isUnavailable } from '../store/query-errors.ts';

type Body = z.infer<typeof problem>;
type Extras = Partial<Pick<Body, 'errors' | 'report' | 'hosts' | 'migration_id' | 'drain_id' | 'remaining'>> & {
  headers?: Record<string, string>;
};

/** An answer that is not a success; thrown anywhere below a route. */
export class Problem extends StackferryError {
  readonly extras: Extras;

  constructor(code: ErrorCode, detail: string, extras: Extras = {}) {
    super(code, detail);
    this.extras = extras;
  }
}

/** RFC 9457. */
export function problemResponse(code: ErrorCode, detail: string, { headers, ...extras }: Extras = {}): Response {
  const status = errorStatus[code];
  const body: Body = { type: `urn:stackferry:error:${code}`, title: titleOf(code), status, code, detail, ...extras };
  return Response.json(body, {
    status,
    headers: { ...headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  });
}

/** The one place where errors become answers. What is not meant for clients is logged and answered as `internal`. */
export function onError(error: Error, c: Context): Response {
  if (error instanceof Problem) return problemResponse(error.code, error.message, error.extras);
  if (error instanceof StackferryError && error.code !== 'internal') return problemResponse(error.code, error.message);
  if (error instanceof HTTPException && error.status === 400)
    return problemResponse('malformed_json', 'The body is not JSON.');
  log.error('request failed', { request_id: c.get('requestId'), path: c.req.path, error });
  if (Object.values<string>(authorityProblems).includes(error.message))
    return problemResponse('authority_missing', error.message);
  if (isUnavailable(error))
    return problemResponse(
      'control_unavailable',
      "The control plane's database is overloaded or out of reach. Whether the request took effect is not known: look before you repeat it.",
      { headers: { 'retry-after': String(limits.api.retryAfterS) } },
    );
  return problemResponse(
    'internal',
    'Something went wrong here. The log of the control plane says what, by "x-request-id".',
  );
}

/** zod's findings as `invalid_request`. */
export function invalidRequest({ issues }: z.ZodError): Problem {
  const errors = issues.map(({ path, message }) => ({ path: path.join('.'), message: message.slice(0, 500) }));
  const [first] = errors;
  const detail = first ? `${first.path || 'the request'}: ${first.message}` : 'The request does not fit.';
  return new Problem('invalid_request', detail, { errors: errors.slice(0, 20) });
}

export function titleOf(code: ErrorCode): string {
  const words = code.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

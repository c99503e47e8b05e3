import type { z } from 'zod';
import type { problem } from '../schema/api/common.ts';
import { type ErrorCode, errorStatus, StackferryError } from '../schema/errors.ts';

type Body = z.infer<typeof problem>;
type Extras = Partial<Pick<Body, 'errors' | 'report' | 'hosts' | 'migration_id' | 'drain_id' | 'remaining'>> & {
  headers?: Record<string, string>;
};

/** An error response; may be thrown anywhere below a route. */
export class Problem extends StackferryError {
  readonly extras: Extras;

  constructor(code: ErrorCode, detail: string, extras: Extras = {}) {
    super(code, detail);
    this.extras = extras;
  }
}

/** An RFC 9457 response. */
export function problemResponse(code: ErrorCode, detail: string, { headers, ...extras }: Extras = {}): Response {
  const status = errorStatus[code];
  const body: Body = { type: `urn:stackferry:error:${code}`, title: titleOf(code), status, code, detail, ...extras };
  return Response.json(body, {
    status,
    headers: { ...headers, 'content-type': 'application/problem+json', 'cache-control': 'no-store' },
  });
}

export function invalidRequest({ issues }: z.ZodError): Problem {
  const errors = issues.flatMap((issue) =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({ path: [...issue.path, key].join('.').slice(0, 200), message: unknownField }))
      : [{ path: issue.path.join('.'), message: issue.message.slice(0, 500) }],
  );
  const [first] = errors;
  const detail = first ? `${first.path || 'the request'}: ${first.message}` : 'The request does not fit.';
  return new Problem('invalid_request', detail, { errors: errors.slice(0, 20) });
}

const unknownField = 'is unknown here; /api/v1/openapi.json lists what each route takes';

export function titleOf(code: ErrorCode): string {
  const words = code.replaceAll('_', ' ');
  return words.charAt(0).toUpperCase() + words.slice(1);
}

import { redactShapes } from '../../schema/redact.ts';

/**
 * The id of a request in answers, logs, the audit, and the commands that follow from it: the client's `X-Request-Id`, else the
 * trace id of its `traceparent` (W3C Trace Context), each only if well-formed; else a new one. What has the shape of a
 * secret is not taken, since the id is stored.
 */
export function traceIdOf(headers: Headers): string {
  const given = headers.get('x-request-id');
  if (given !== null && plainId.test(given) && redactShapes(given) === given) return given;
  const traceId = traceparent.exec(headers.get('traceparent') ?? '')?.[1];
  return traceId ?? crypto.randomUUID();
}

/** At most as long as the ids of the control protocol. */
const plainId = /^[A-Za-z0-9_-]{8,64}$/;
const traceparent = /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/;

import { createMiddleware } from 'hono/factory';
import { limits } from '../../schema/limits.ts';
import type { Authed } from '../auth/bearer.ts';
import { Problem } from './problem.ts';

/**
 * Reads a request's body within its bound, whatever `content-length` says, and demands that it is JSON. Goes before the
 * validators, which then find it whole.
 */
export const jsonBody = createMiddleware<Authed>(async (c, next) => {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/json') throw new Problem('unsupported_media_type', 'Send the body as application/json.');
  const text = await readBounded(c.req.raw);
  try {
    JSON.parse(text);
  } catch {
    throw new Problem('malformed_json', 'The body is not JSON.');
  }
  c.req.bodyCache.text = Promise.resolve(text) as unknown as string;
  await next();
});

/** A bodiless POST may still carry one; it is not read. */
export async function readBounded(request: Request): Promise<string> {
  const bytesMax = limits.control.bodyBytesMax;
  const tooLarge = new Problem('body_too_large', `A body may have at most ${bytesMax} bytes.`);
  if (Number(request.headers.get('content-length') ?? 0) > bytesMax) throw tooLarge;
  const decoder = new TextDecoder();
  let text = '';
  let bytes = 0;
  for await (const chunk of request.body ?? []) {
    bytes += chunk.byteLength;
    if (bytes > bytesMax) throw tooLarge;
    text += decoder.decode(chunk, { stream: true });
  }
  return text + decoder.decode();
}

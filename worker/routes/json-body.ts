import { createMiddleware } from 'hono/factory';
import { limits } from '../../schema/limits.ts';
import type { Authed } from '../auth/authed.ts';
import { Problem } from '../problem.ts';

/**
 * Reads a JSON body up to the size limit, whatever `content-length` claims. Runs before the validators, which use the
 * cached text.
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

/** Throws `body_too_large` above the limit. */
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

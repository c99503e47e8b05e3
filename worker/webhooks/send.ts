import { errorMessageOf } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { redactShapes } from '../../schema/redact.ts';
import type { Call } from './calls.ts';
import type { Reply } from './retry-schedule.ts';
import { judgeUrl } from './url-policy.ts';

/**
 * Sends one POST. Never throws for what the receiver does. Takes at most `sendMsMax`, including the response
 * body.
 */
export async function send({ url, headers, body, secrets }: Call, development: boolean): Promise<Reply> {
  // Checked each time: the policy may be stricter than at registration.
  const verdict = judgeUrl(url, { development });
  if (!verdict.ok) return { kind: 'refused', error: `Its URL is refused: ${verdict.why}` };
  const clean = (text: string) =>
    secrets.reduce((cleaner, secret) => cleaner.replaceAll(secret, '[redacted]'), redactShapes(text));
  const signal = AbortSignal.timeout(limits.webhook.sendMsMax);
  try {
    const response = await fetch(verdict.url, {
      method: 'POST',
      headers: { 'user-agent': 'Stackferry-Webhooks/1', ...headers },
      body,
      redirect: 'manual',
      signal,
    });
    const answer = clean(await firstBytes(response));
    return { kind: 'answered', status: response.status, retryAfter: response.headers.get('retry-after'), answer };
  } catch (error) {
    const seconds = limits.webhook.sendMsMax / 1000;
    const why = signal.aborted ? `It did not answer within ${seconds} s.` : clean(errorMessageOf(error));
    return { kind: 'unreachable', error: why };
  }
}

/**
 * Reads the start of the response body. The status is known, so a body that breaks off or never ends is only truncated.
 */
async function firstBytes(response: Response): Promise<string> {
  const bytes = new Uint8Array(limits.webhook.answerBytesMax);
  let filled = 0;
  const reader = response.body?.getReader();
  try {
    while (reader && filled < bytes.length) {
      const { done, value } = await reader.read();
      if (done) break;
      const part = value.subarray(0, bytes.length - filled);
      bytes.set(part, filled);
      filled += part.length;
    }
  } catch {
    // Keeps what was received.
  } finally {
    void reader?.cancel().catch(() => undefined);
  }
  // `stream` drops a truncated character; NUL would end the text in some readers.
  const text = new TextDecoder().decode(bytes.subarray(0, filled), { stream: true });
  return redactShapes(text.replaceAll('\0', ''));
}

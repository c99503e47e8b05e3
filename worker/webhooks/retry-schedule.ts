import { limits } from '../../schema/limits.ts';
import type { DeliveryStatus } from '../../schema/webhook-events.ts';

/** The receiver's response to one try, or why it was not called. */
export type Reply =
  | { kind: 'answered'; status: number; retryAfter: string | null; answer: string }
  | { kind: 'unreachable'; error: string }
  /** The policy refuses its URL; a retry would not help. */
  | { kind: 'refused'; error: string };

export interface DeliveryVerdict {
  status: DeliveryStatus;
  /** Set only with `pending`. */
  nextAt: number | null;
  error: string | null;
  /** The receiver answered 410: it wants no more events. */
  gone: boolean;
}

/** Decides what follows a reply. `tries` counts since the first try or the last replay. `random` is in [0, 1). */
export function judgeReply(reply: Reply, tries: number, now: number, random: number): DeliveryVerdict {
  if (reply.kind === 'refused') return dead(reply.error);
  if (reply.kind === 'unreachable') return again(reply.error, null, tries, now, random);
  const { status, retryAfter } = reply;
  if (status >= 200 && status < 300) return { status: 'delivered', nextAt: null, error: null, gone: false };
  if (status === 410) return { ...dead('It answered 410, so the endpoint is disabled.'), gone: true };
  if (status >= 300 && status < 400)
    return again(`It answered ${status}: redirects are not followed.`, null, tries, now, random);
  const asked = status === 429 || status === 503 ? retryAfter : null;
  return again(`It answered ${status}.`, asked, tries, now, random);
}

const dead = (error: string): DeliveryVerdict => ({ status: 'dead', nextAt: null, error, gone: false });

function again(error: string, retryAfter: string | null, tries: number, now: number, random: number): DeliveryVerdict {
  const { retryDelaysMs, retryJitter } = limits.webhook;
  const delayMs = retryDelaysMs[tries - 1];
  if (delayMs === undefined) return dead(error);
  const spreadMs = Math.round(delayMs * (1 + retryJitter * (2 * random - 1)));
  return { status: 'pending', nextAt: now + Math.max(spreadMs, askedMs(retryAfter, now)), error, gone: false };
}

/** Parses `Retry-After`: seconds or a date. It can delay a try, up to a limit, but never bring it forward. */
function askedMs(retryAfter: string | null, now: number): number {
  if (retryAfter === null) return 0;
  const text = retryAfter.trim();
  const ms = /^\d{1,9}(\.\d+)?$/.test(text) ? Number(text) * 1000 : Date.parse(text) - now;
  return Number.isFinite(ms) ? Math.min(Math.max(ms, 0), limits.webhook.retryAfterMsMax) : 0;
}

import { whyUnanswered } from '../node/why-unanswered.ts';

/** There was no answer (`unreachable`), or it was not from this API (`unreadable`). */
export class NoAnswer extends Error {
  readonly kind: 'unreachable' | 'unreadable';
  /** The request may have arrived nevertheless. */
  readonly sent: boolean;

  constructor(kind: NoAnswer['kind'], message: string, sent: boolean, options?: ErrorOptions) {
    super(message, options);
    this.name = 'NoAnswer';
    this.kind = kind;
    this.sent = sent;
  }
}

/** Converts an error of `fetch`. */
export function unreachable(what: string, cause: unknown): NoAnswer {
  const { code, words } = whyUnanswered(cause);
  return new NoAnswer('unreachable', `${what}: ${words}.`, !neverSent.has(code), { cause });
}

const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH']);

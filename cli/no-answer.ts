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
  const { code, words } = reasonOf(cause);
  return new NoAnswer('unreachable', `${what}: ${words}.`, !neverSent.has(code), { cause });
}

const neverSent = new Set(['ECONNREFUSED', 'ENOTFOUND', 'EAI_AGAIN', 'UND_ERR_CONNECT_TIMEOUT', 'EHOSTUNREACH']);

const wordsOf: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'its name cannot be looked up now',
  ECONNRESET: 'the connection was closed',
  UND_ERR_SOCKET: 'the connection was closed',
  UND_ERR_CONNECT_TIMEOUT: 'it does not accept the connection',
  UND_ERR_HEADERS_TIMEOUT: 'it took too long',
  UND_ERR_BODY_TIMEOUT: 'it fell silent',
};

/** undici's message is "fetch failed"; the reason is in the cause. */
function reasonOf(error: unknown): { code: string; words: string } {
  const { cause, code = '', message = '' } = error as NodeJS.ErrnoException;
  const inner = (cause ?? {}) as NodeJS.ErrnoException;
  const known = inner.code ?? code;
  return { code: known, words: wordsOf[known] ?? (inner.message || message) };
}

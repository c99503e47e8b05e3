const wordsOf: Record<string, string> = {
  ECONNREFUSED: 'nothing listens there',
  ENOTFOUND: 'there is no host of that name',
  EAI_AGAIN: 'its name cannot be looked up now',
  ECONNRESET: 'the connection was closed',
  UND_ERR_SOCKET: 'the connection was closed',
  UND_ERR_CONNECT_TIMEOUT: 'it does not accept the connection',
  UND_ERR_HEADERS_TIMEOUT: 'it took too long',
  UND_ERR_BODY_TIMEOUT: 'it fell silent',
  // The two sides of a scheme that does not fit.
  ERR_SSL_WRONG_VERSION_NUMBER: 'it does not speak TLS; is it http://',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'it does not speak TLS; is it http://',
  DEPTH_ZERO_SELF_SIGNED_CERT: 'its certificate is self-signed; name its file in NODE_EXTRA_CA_CERTS',
  SELF_SIGNED_CERT_IN_CHAIN: 'its certificate is of an unknown authority; name its file in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'its certificate is of an unknown authority; name its file in NODE_EXTRA_CA_CERTS',
  CERT_HAS_EXPIRED: 'its certificate has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'its certificate is for another name',
};

/** Why a request got no answer: the fault's code, and words for people. undici's message is "fetch failed"; the reason is in the cause. */
export function whyUnanswered(error: unknown): { code: string; words: string } {
  const { cause, code = '', message = '' } = error as NodeJS.ErrnoException;
  const inner = (cause ?? {}) as NodeJS.ErrnoException;
  const known = inner.code ?? code;
  return { code: known, words: wordsOf[known] ?? (inner.message || message) };
}

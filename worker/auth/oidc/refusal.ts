import { AuthorizationResponseError, ResponseBodyError, WWWAuthenticateChallengeError } from 'openid-client';
import { type ErrorCode, errorMessageOf } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import { log } from '../../log.ts';

/** Why a login is refused, in words for the person who tries. */
export interface LoginRefusal {
  code: ErrorCode;
  status: number;
  message: string;
}

const refused = (code: ErrorCode, status: number) => (message: string) => ({ code, status, message });
export const notLoggedIn = refused('unauthorized', 401);
export const notAllowed = refused('forbidden', 403);
const unavailable = refused('control_unavailable', 503);

export function misconfigured(why: string): LoginRefusal {
  log.error('the login provider is not set up rightly', { why });
  return unavailable(
    'The login provider is not set up rightly. The log of the control plane says what has to be corrected.',
  );
}

/** For anything that the exchange with the provider throws. The log has the rest: what it says is not for everyone. */
export function refusalOf(error: unknown, provider: string): LoginRefusal {
  const { code, message, cause } = error as { code?: string; message?: string; cause?: unknown };
  const answered = error instanceof AuthorizationResponseError || error instanceof ResponseBodyError ? error : null;
  const details = answered && { said: answered.error, description: answered.error_description };
  log.warn('a login at the provider failed', {
    provider,
    why: code,
    message,
    cause: cause instanceof Error ? errorMessageOf(cause) : null,
    ...details,
  });
  if (answered) return refusalOfAnswer(answered.error, provider);
  if (error instanceof WWWAuthenticateChallengeError && error.cause.some(({ scheme }) => scheme === 'basic'))
    return refusalOfAnswer('invalid_client', provider);
  if (code === 'OAUTH_JWT_TIMESTAMP_CHECK_FAILED')
    return unavailable(
      `The clocks of ${provider} and of this control plane differ by more than ${limits.control.clockSkewMsMax / 1000} s; it is ${new Date().toISOString()} here. Log in with an API token until an admin has set them.`,
    );
  if (code === 'OAUTH_JSON_ATTRIBUTE_COMPARISON_FAILED')
    return misconfigured(`what ${provider} says of itself does not fit OIDC_ISSUER: ${message}`);
  if (code !== undefined && untrusted.test(code))
    return notLoggedIn(
      `The answer of ${provider} does not belong to this login, or is not signed as it must be. Begin again.`,
    );
  return unavailable(`${provider} does not answer as it should. Try again later, or log in with an API token.`);
}

const untrusted = /^OAUTH_(INVALID_RESPONSE|JWT_CLAIM_COMPARISON_FAILED|KEY_SELECTION_FAILED|MISSING_SERVER_METADATA)$/;

function refusalOfAnswer(error: string, provider: string): LoginRefusal {
  if (error === 'access_denied') return notLoggedIn(`The login was cancelled, or refused by ${provider}.`);
  if (error === 'invalid_grant') return notLoggedIn('This login was used already, or took too long. Begin again.');
  if (error === 'invalid_client' || error === 'unauthorized_client')
    return misconfigured(`${provider} does not take OIDC_CLIENT_ID and OIDC_CLIENT_SECRET (${error})`);
  return unavailable(`${provider} could not log you in. Try again later, or log in with an API token.`);
}

import * as oidc from 'openid-client';
import { limits } from '../../../schema/limits.ts';
import { type LoginRefusal, refusalOf } from './refusal.ts';
import { isLoopback, type OidcSettings } from './settings.ts';
import { type Claims, claimsOf } from './who.ts';

/**
 * Login at an OpenID Connect provider: authorization code with PKCE, state and nonce.
 *
 *   begin    the browser goes to the provider, and keeps what the answer must fit (`Checks`) in a cookie
 *   finish   the code that it comes back with is exchanged, by this control plane and with its secret, for an ID token, whose
 *            signature, issuer, audience, nonce and times are checked; then the provider is asked for the other claims
 */
export interface Checks {
  state: string;
  nonce: string;
  verifier: string;
}

type Outcome<T> = ({ ok: true } & T) | { ok: false; refusal: LoginRefusal };

/** How the provider is called on pages and in messages. */
export const providerName = ({ issuer }: OidcSettings): string => issuer.host;

export async function beginLogin(
  settings: OidcSettings,
  redirect_uri: string,
): Promise<Outcome<{ url: string; checks: Checks }>> {
  return answering(settings, async () => {
    const provider = await providerOf(settings);
    const checks = { state: oidc.randomState(), nonce: oidc.randomNonce(), verifier: oidc.randomPKCECodeVerifier() };
    const url = oidc.buildAuthorizationUrl(provider, {
      ...{ redirect_uri, scope: settings.scope, state: checks.state, nonce: checks.nonce },
      code_challenge: await oidc.calculatePKCECodeChallenge(checks.verifier),
      code_challenge_method: 'S256',
    });
    return { url: url.href, checks };
  });
}

/** `answer`: the address that the browser came back to, with what the provider put into its query. */
export async function finishLogin(
  settings: OidcSettings,
  answer: URL,
  { state, nonce, verifier }: Checks,
): Promise<Outcome<{ claims: Claims }>> {
  return answering(settings, async () => {
    const provider = await providerOf(settings);
    const tokens = await oidc.authorizationCodeGrant(provider, answer, {
      ...{ expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier },
      idTokenExpected: true,
    });
    const claims = tokens.claims();
    if (!claims) throw new Error('no ID token came');
    const asks = provider.serverMetadata().userinfo_endpoint !== undefined;
    const told = asks ? await oidc.fetchUserInfo(provider, tokens.access_token, claims.sub) : {};
    return { claims: claimsOf(claims, told) };
  });
}

async function answering<T extends object>(settings: OidcSettings, work: () => Promise<T>): Promise<Outcome<T>> {
  try {
    return { ok: true, ...(await work()) };
  } catch (error) {
    return { ok: false, refusal: refusalOf(error, providerName(settings)) };
  }
}

/** Of this isolate; a failure is kept for a moment, so that a provider that is down is not asked by everyone at once. */
let kept: { key: string; at: number; found: { provider: oidc.Configuration } | { error: unknown } } | null = null;

async function providerOf(settings: OidcSettings): Promise<oidc.Configuration> {
  const key = JSON.stringify([settings.issuer, settings.clientId, settings.clientSecret]);
  if (kept?.key !== key || Date.now() - kept.at > keptMs(kept.found)) {
    const found = await discover(settings).then(
      (provider) => ({ provider }),
      (error: unknown) => ({ error }),
    );
    kept = { key, at: Date.now(), found };
  }
  if ('error' in kept.found) throw kept.found.error;
  return kept.found.provider;
}

const keptMs = (found: object) => ('error' in found ? limits.oidc.failureKeepMs : limits.oidc.metadataKeepMs);

function discover({ issuer, clientId, clientSecret }: OidcSettings): Promise<oidc.Configuration> {
  const metadata = { [oidc.clockTolerance]: limits.control.clockSkewMsMax / 1000 };
  return oidc.discovery(issuer, clientId, metadata, bySecret(clientSecret), {
    timeout: limits.oidc.requestMsMax / 1000,
    // Signatures are checked too: without that a token would be as good as the way that it came.
    execute: [oidc.enableNonRepudiationChecks, ...(isLoopback(issuer) ? [oidc.allowInsecureRequests] : [])],
  });
}

/** As the provider wants it: in a header, which is the specification's default, or in the body. */
function bySecret(secret: string): oidc.ClientAuth {
  const [basic, post] = [oidc.ClientSecretBasic(secret), oidc.ClientSecretPost(secret)];
  return (server, ...rest) => {
    const methods = server.token_endpoint_auth_methods_supported ?? ['client_secret_basic'];
    return (methods.includes('client_secret_basic') ? basic : post)(server, ...rest);
  };
}

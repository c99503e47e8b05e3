import { base64url, SignJWT } from 'jose';
import { agentPaths, agentTokenAudience } from '../../../schema/enrolment.ts';
import { Pkcs10CertificateRequestGenerator } from '../../../worker/objects/fleet-authority/x509.ts';
import { call } from './api.ts';

/** A host or relay that has joined, with what its agent would keep. */
export interface JoinedNode {
  id: string;
  kind: 'host' | 'relay';
  name: string;
  fleet_id: string;
  certificate: string;
  ca: string;
  keys: CryptoKeyPair;
}

export const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

export const newKeys = async (algorithm: object = p256) =>
  (await crypto.subtle.generateKey(algorithm as SubtleCryptoGenerateKeyAlgorithm, true, [
    'sign',
    'verify',
  ])) as CryptoKeyPair;

type CsrOptions = Parameters<typeof Pkcs10CertificateRequestGenerator.create>[0];

export async function csrFor(keys: CryptoKeyPair, more: Partial<CsrOptions> = {}): Promise<string> {
  const csr = await Pkcs10CertificateRequestGenerator.create({
    name: 'CN=agent',
    keys,
    signingAlgorithm: p256,
    ...more,
  } as CsrOptions);
  return csr.toString('pem');
}

export async function createNode(admin: string, kind: 'host' | 'relay', name: string) {
  const { status, body } = await call('POST', `/api/v1/${kind}s`, { token: admin, body: { name } });
  if (status !== 201) throw new Error(`create ${name}: ${status} ${JSON.stringify(body)}`);
  return body as { id: string; join_token: string };
}

export async function join(admin: string, kind: 'host' | 'relay', name: string): Promise<JoinedNode> {
  const { join_token } = await createNode(admin, kind, name);
  const keys = await newKeys();
  const { status, body } = await call('POST', agentPaths.enroll, { body: { join_token, csr: await csrFor(keys) } });
  if (status !== 200) throw new Error(`enroll ${name}: ${status} ${JSON.stringify(body)}`);
  return { ...body, keys };
}

export interface TokenOverrides {
  audience?: string;
  jti?: string;
  /** Seconds from now. */
  issued?: number;
  expires?: number;
  keys?: CryptoKeyPair;
  certificate?: string;
}

/** What an agent sends as `Authorization`. */
export async function agentToken(node: JoinedNode, overrides: TokenOverrides = {}): Promise<string> {
  const now = Math.floor(Date.now() / 1000);
  return new SignJWT({})
    .setProtectedHeader({ alg: 'ES256', x5c: [derOf(overrides.certificate ?? node.certificate)] })
    .setAudience(overrides.audience ?? agentTokenAudience)
    .setJti(overrides.jti ?? base64url.encode(crypto.getRandomValues(new Uint8Array(12))))
    .setIssuedAt(now + (overrides.issued ?? 0))
    .setExpirationTime(now + (overrides.expires ?? 60))
    .sign((overrides.keys ?? node.keys).privateKey);
}

/** Base64 of the DER in a PEM. */
export const derOf = (pem: string): string => pem.replaceAll(/-----[^-]+-----|\s/g, '');

import 'reflect-metadata';
import { createPublicKey, webcrypto } from 'node:crypto';
import * as x509 from '@peculiar/x509';
import { agentPaths, type EnrollResponse, enrollResponse } from '../schema/enrolment.ts';
import { type ErrorCode, errorCodes, StackferryError } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import { whyUnanswered } from './why-unanswered.ts';

const p256 = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

/** Creates a key that never leaves this host: EC P-256, PKCS #8, PEM. */
export async function makeKey(): Promise<string> {
  const { privateKey } = await webcrypto.subtle.generateKey(p256, true, ['sign', 'verify']);
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', privateKey), 'PRIVATE KEY');
}

/** Creates the certificate request (PKCS #10, PEM) for a key. */
export async function requestFor(keyPem: string): Promise<string> {
  const pkcs8 = x509.PemConverter.decodeFirst(keyPem);
  const spki = createPublicKey(keyPem).export({ type: 'spki', format: 'der' });
  const keys = {
    privateKey: await webcrypto.subtle.importKey('pkcs8', pkcs8, p256, false, ['sign']),
    publicKey: await webcrypto.subtle.importKey('spki', spki, p256, true, ['verify']),
  };
  const request = await x509.Pkcs10CertificateRequestGenerator.create(
    { name: 'CN=stackferry', keys, signingAlgorithm: p256 },
    webcrypto as Parameters<typeof x509.Pkcs10CertificateRequestGenerator.create>[1],
  );
  return request.toString('pem');
}

/** Exchanges a join token for a certificate. Throws the control plane's code, or `control_unavailable`. */
export async function requestEnrollment(controlUrl: string, joinToken: string, csr: string): Promise<EnrollResponse> {
  return post(new URL(agentPaths.enroll, controlUrl), { join_token: joinToken, csr }, {});
}

/** Exchanges a certificate, proven by a token signed with its key, for a new one. Throws like `requestEnrollment`. */
export async function requestRenewal(controlUrl: string, agentToken: string, csr: string): Promise<EnrollResponse> {
  return post(new URL(agentPaths.renew, controlUrl), { csr }, { authorization: `Bearer ${agentToken}` });
}

async function post(url: URL, body: unknown, headers: Record<string, string>): Promise<EnrollResponse> {
  const response = await send(url, body, headers);
  const answer = await response.json().catch(() => null);
  if (!response.ok) throw problemOf(response.status, answer);
  const parsed = enrollResponse.safeParse(answer);
  if (!parsed.success)
    throw new StackferryError('internal', `${url.origin} did not answer as a Stackferry control plane`);
  return parsed.data;
}

async function send(url: URL, body: unknown, headers: Record<string, string>): Promise<Response> {
  try {
    return await fetch(url, {
      method: 'POST',
      headers: { 'content-type': 'application/json', ...headers },
      body: JSON.stringify(body),
      redirect: 'error',
      signal: AbortSignal.timeout(limits.agent.httpMsMax),
    });
  } catch (cause) {
    throw new StackferryError(
      'control_unavailable',
      `The control plane at ${url.origin} does not answer: ${whyUnanswered(cause).words}`,
      {
        cause,
      },
    );
  }
}

/** RFC 9457 problems carry one of this project's codes; any other answer comes from a proxy or a fault. */
export function problemOf(status: number, answer: unknown): StackferryError {
  const { code, detail } = (typeof answer === 'object' && answer !== null ? answer : {}) as Record<string, unknown>;
  const known = errorCodes.find((candidate): candidate is ErrorCode => candidate === code);
  const fallback: ErrorCode = status >= 500 || status === 429 ? 'control_unavailable' : 'unauthorized';
  return new StackferryError(
    known ?? fallback,
    typeof detail === 'string' ? detail.slice(0, 500) : `The control plane answered ${status}`,
  );
}

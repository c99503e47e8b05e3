import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import * as x509 from '@peculiar/x509';
import { onTestFinished } from 'vitest';
import { agentPaths } from '../../schema/enrolment.ts';

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const dayMs = 24 * 3_600_000;

export interface Issued {
  path: string;
  headers: IncomingHttpHeaders;
  body: { join_token?: string; csr: string };
}

/** The enrolment endpoints with a CA of their own. `answer` may refuse a request instead. */
export async function startEnrolment(
  options: { days?: number; answer?: (request: Issued) => { status: number; body: unknown } | null } = {},
): Promise<{ url: string; issued: Issued[]; caPem: string }> {
  const keys = await webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=fleet',
    keys,
    signingAlgorithm: algorithm,
  });
  const issued: Issued[] = [];
  const server = createServer(async (request, response) => {
    let text = '';
    for await (const part of request) text += part;
    if (request.method !== 'POST') return void response.writeHead(404).end();
    const asked: Issued = { path: request.url ?? '', headers: request.headers, body: JSON.parse(text) };
    issued.push(asked);
    const refusal = options.answer?.(asked) ?? null;
    const csr = new x509.Pkcs10CertificateRequest(asked.body.csr);
    const leaf = await x509.X509CertificateGenerator.create({
      subject: 'CN=host_1',
      issuer: ca.subject,
      notAfter: new Date(Date.now() + (options.days ?? 14) * dayMs),
      publicKey: csr.publicKey,
      signingKey: keys.privateKey,
      signingAlgorithm: algorithm,
    });
    const granted = {
      id: 'host_1',
      kind: 'host',
      name: 'box',
      fleet_id: 'f1',
      certificate: leaf.toString('pem'),
      ca: ca.toString('pem'),
    };
    const known = asked.path === agentPaths.enroll || asked.path === agentPaths.renew;
    response.writeHead(refusal?.status ?? (known ? 200 : 404), { 'content-type': 'application/json' });
    response.end(JSON.stringify(refusal?.body ?? granted));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, issued, caPem: ca.toString('pem') };
}

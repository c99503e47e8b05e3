import { createRoute, type OpenAPIHono } from '@hono/zod-openapi';
import { agentPaths, enrollRequest, enrollResponse, renewRequest } from '../../schema/enrolment.ts';
import { verifyAgentToken } from '../auth/agent-token.ts';
import type { Authed } from '../auth/authed.ts';
import { checkRedeemable, holderOf, usedUp } from '../auth/join-token.ts';
import { countsNodeAttempts } from '../auth/rate-limit.ts';
import { fleetOf } from '../durable-objects.ts';
import { hexOf } from '../hex.ts';
import { readCsr } from '../objects/fleet-authority/certificates.ts';
import { Problem } from '../problem.ts';
import { markJoined, markRenewed, type NodeRow } from '../store/nodes.ts';
import { answers, body, byNode, refuses } from './define.ts';
import { jsonBody } from './json-body.ts';

const tags = ['enrolment'];

const enroll = createRoute({
  method: 'post',
  path: agentPaths.enroll,
  tags,
  operationId: 'enroll',
  summary: 'Join the fleet with a one-time token: a certificate for a key that never leaves its host',
  description:
    'Agents and relays call it at their first start. The same key may repeat the call: its answer may have been lost.',
  ...refuses('join_token_invalid', 'join_token_expired', 'join_token_used', 'csr_invalid', 'authority_missing'),
  // The join token in the body is the credential.
  security: [],
  middleware: [countsNodeAttempts, jsonBody],
  request: { body: body(enrollRequest) },
  responses: { 200: answers(enrollResponse, 'The certificate.') },
});

const renew = createRoute({
  method: 'post',
  path: agentPaths.renew,
  tags,
  operationId: 'renewCertificate',
  summary: 'Renew a certificate; authorised by a token signed with its key, also after its end',
  description: 'Agents and relays call it by themselves, long before the end.',
  ...byNode,
  ...refuses('unauthorized', 'certificate_invalid', 'host_revoked', 'csr_invalid', 'authority_missing'),
  middleware: [countsNodeAttempts, jsonBody],
  request: { body: body(renewRequest) },
  responses: { 200: answers(enrollResponse, 'The new certificate.') },
});

export function enrollRoutes(app: OpenAPIHono<Authed>): void {
  app.openapi(enroll, async (c) => {
    const { join_token, csr } = c.req.valid('json');
    const row = await holderOf(c.env, join_token);
    c.set('actor', actorOf(row));
    const key = await keySha256(csr).catch((error) => {
      // Report an unusable token first: an installer asks without a CSR, to find out before it changes anything.
      checkRedeemable(row, '', Date.now());
      throw error;
    });
    checkRedeemable(row, key, Date.now());
    const signed = await sign(c.env, csr, row);
    // The token is redeemed only now: after a refused CSR the client may try again.
    if (!(await markJoined(c.env.DB, row, key, signed, Date.now()))) throw usedUp();
    return c.json(enrolled(row, signed), 200);
  });

  app.openapi(renew, async (c) => {
    const { row, serial } = await verifyAgentToken(c.env, c.req.header('authorization'), {
      expiredAllowed: true,
      onHolder: (holder) => c.set('actor', actorOf(holder)),
    });
    const signed = await sign(c.env, c.req.valid('json').csr, row);
    await markRenewed(c.env.DB, row.id, serial, signed);
    return c.json(enrolled(row, signed), 200);
  });
}

const actorOf = ({ kind, id, name }: NodeRow) => ({ kind, id, name });

/** SHA-256 (hex) of the CSR's public key. */
async function keySha256(csr: string): Promise<string> {
  const request = await readCsr(csr);
  if (!request.ok) throw new Problem('csr_invalid', request.why);
  const spki = (await crypto.subtle.exportKey('spki', request.publicKey)) as ArrayBuffer;
  return hexOf(await crypto.subtle.digest('SHA-256', spki));
}

async function sign(env: Authed['Bindings'], csr: string, { kind, id }: NodeRow) {
  const fleet = fleetOf(env);
  const [{ fleet_id, ca_pem }, signed] = await Promise.all([fleet.info(), fleet.sign(csr, { kind, id })]);
  if (!signed.ok) throw new Problem('csr_invalid', signed.why);
  return { ...signed, fleet_id, ca: ca_pem };
}

function enrolled({ id, kind, name }: NodeRow, { fleet_id, certificate, ca }: Awaited<ReturnType<typeof sign>>) {
  return { id, kind, name, fleet_id, certificate, ca };
}

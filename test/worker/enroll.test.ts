import { env } from 'cloudflare:workers';
import { describe, expect, it } from 'vitest';
import { agentPaths } from '../../schema/enrolment.ts';
import { spiffeUri } from '../../schema/relay-protocol.ts';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  SubjectAlternativeNameExtension,
  X509Certificate,
  X509CertificateGenerator,
} from '../../worker/objects/fleet-authority/x509.ts';
import { dialResponse } from './support/agent.ts';
import { call, tokenWith } from './support/api.ts';
import { agentToken, createNode, csrFor, join, newKeys, p256 } from './support/node.ts';

const dayMs = 24 * 3_600_000;
const enroll = (join_token: string, csr: string) => call('POST', agentPaths.enroll, { body: { join_token, csr } });

describe('enrolment', () => {
  it('gives a certificate for the key of the request, named by the fleet and signed by its CA', async () => {
    const node = await join(await tokenWith(['admin']), 'host', 'a');
    const leaf = new X509Certificate(node.certificate);
    const ca = new X509Certificate(node.ca);
    expect(await leaf.verify({ publicKey: ca })).toBe(true);
    expect(await ca.isSelfSigned()).toBe(true);
    expect(leaf.getExtension(SubjectAlternativeNameExtension)?.names.toJSON()).toEqual([
      { type: 'url', value: spiffeUri(node.fleet_id, 'host', node.id) },
    ]);
    expect(leaf.getExtension(ExtendedKeyUsageExtension)?.usages).toEqual(['1.3.6.1.5.5.7.3.2', '1.3.6.1.5.5.7.3.1']);
    expect(leaf.getExtension(BasicConstraintsExtension)?.ca).toBe(false);
    expect(leaf.subject).toBe(`CN=${node.id}`);
    const [begins, ends] = [leaf.notBefore.getTime(), leaf.notAfter.getTime()];
    expect(begins).toBeLessThan(Date.now() - dayMs + 60_000);
    expect(ends).toBeGreaterThan(Date.now() + 7 * dayMs);
    const spki = await crypto.subtle.exportKey('spki', node.keys.publicKey);
    expect(new Uint8Array(leaf.publicKey.rawData)).toEqual(new Uint8Array(spki as ArrayBuffer));
  });

  it('marks the host as joined, and all nodes share one fleet', async () => {
    const token = await tokenWith(['admin']);
    const a = await join(token, 'host', 'a');
    const r = await join(token, 'relay', 'r');
    expect(r).toMatchObject({ kind: 'relay', name: 'r', ca: a.ca, fleet_id: a.fleet_id });
    const { body } = await call('GET', `/api/v1/hosts/${a.id}`, { token });
    expect(body).toMatchObject({
      status: 'offline',
      joined_at: expect.any(String),
      certificate_ends_at: expect.any(String),
    });
  });

  it('B25: a join token lets in one key, also when two come at the same moment', async () => {
    const { join_token } = await createNode(await tokenWith(['admin']), 'host', 'a');
    const [one, other] = [await csrFor(await newKeys()), await csrFor(await newKeys())];
    const answers = await Promise.all([enroll(join_token, one), enroll(join_token, other)]);
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 409]);
    const late = await csrFor(await newKeys());
    expect(await enroll(join_token, late)).toMatchObject({ status: 409, body: { code: 'join_token_used' } });
  });

  it('B25: where the answer was lost, the same key may ask again while its join token lives', async () => {
    const admin = await tokenWith(['admin']);
    const { id, join_token } = await createNode(admin, 'host', 'a');
    const keys = await newKeys();
    const lost = await enroll(join_token, await csrFor(keys));
    const again = await enroll(join_token, await csrFor(keys));
    expect(again).toMatchObject({ status: 200, body: { id } });
    for (const { body } of [lost, again])
      expect((await dialResponse(await agentToken({ ...body, keys }))).status).toBe(101);
    await env.DB.prepare('UPDATE node SET join_token_expires_at = ?')
      .bind(Date.now() - 1)
      .run();
    const late = await enroll(join_token, await csrFor(keys));
    expect(late).toMatchObject({ status: 401, body: { code: 'join_token_expired' } });
  });

  it('B25: an expired, an unknown and a deleted host’s join token let nobody in', async () => {
    const admin = await tokenWith(['admin']);
    const { id, join_token } = await createNode(admin, 'host', 'a');
    const csr = await csrFor(await newKeys());
    await env.DB.prepare('UPDATE node SET join_token_expires_at = ? WHERE id = ?')
      .bind(Date.now() - 1, id)
      .run();
    expect(await enroll(join_token, csr)).toMatchObject({ status: 401, body: { code: 'join_token_expired' } });
    const other = await createNode(admin, 'host', 'b');
    await call('DELETE', `/api/v1/hosts/${other.id}`, { token: admin });
    for (const bad of [other.join_token, 'sfj_nonsense', `${join_token}x`])
      expect(await enroll(bad, csr)).toMatchObject({ status: 401, body: { code: 'join_token_invalid' } });
  });

  it('B26: requests with names, weak keys or broken signatures are refused, and do not use the token up', async () => {
    const { join_token } = await createNode(await tokenWith(['admin']), 'host', 'a');
    const keys = await newKeys();
    const good = await csrFor(keys);
    const rsa = {
      name: 'RSASSA-PKCS1-v1_5',
      hash: 'SHA-256',
      modulusLength: 2048,
      publicExponent: new Uint8Array([1, 0, 1]),
    };
    const p384 = { name: 'ECDSA', namedCurve: 'P-384', hash: 'SHA-384' };
    const bad = {
      names: await csrFor(keys, {
        extensions: [new SubjectAlternativeNameExtension([{ type: 'url', value: 'spiffe://fleet/host/other' }])],
      }),
      rsa: await csrFor(await newKeys(rsa), { signingAlgorithm: rsa }),
      p384: await csrFor(await newKeys(p384), { signingAlgorithm: p384 }),
      'foreign signature': await csrFor({ publicKey: keys.publicKey, privateKey: (await newKeys()).privateKey }),
      cut: good.slice(0, good.length / 2),
      nonsense: 'hello',
      empty: '',
    };
    for (const [name, csr] of Object.entries(bad))
      expect(await enroll(join_token, csr), name).toMatchObject({ status: 422, body: { code: 'csr_invalid' } });
    expect((await enroll(join_token, good)).status).toBe(200);
  });

  it('ignores what a request says of its subject', async () => {
    const { id, join_token } = await createNode(await tokenWith(['admin']), 'host', 'a');
    const { body } = await enroll(join_token, await csrFor(await newKeys(), { name: 'CN=admin, O=somebody else' }));
    expect(new X509Certificate(body.certificate).subject).toBe(`CN=${id}`);
  });
});

describe('renewal', () => {
  const renew = async (token: string, csr: string) =>
    call('POST', agentPaths.renew, { body: { csr }, headers: { authorization: `Bearer ${token}` } });

  it('gives a new certificate; the one before stays good, the one before that does not', async () => {
    const node = await join(await tokenWith(['admin']), 'host', 'a');
    const first = await renew(await agentToken(node), await csrFor(node.keys));
    expect(first.status).toBe(200);
    const second = await renew(await agentToken({ ...node, ...first.body }), await csrFor(node.keys));
    expect(second.status).toBe(200);
    expect((await dialResponse(await agentToken({ ...node, ...second.body }))).status).toBe(101);
    expect((await dialResponse(await agentToken({ ...node, ...first.body }))).status).toBe(101);
    expect((await dialResponse(await agentToken(node))).status).toBe(401);
  });

  it('B27: an expired certificate renews, and does nothing else', async () => {
    const node = await join(await tokenWith(['admin']), 'host', 'a');
    const expired = await outdated(node);
    const refused = await dialResponse(await agentToken(node, { certificate: expired.pem }));
    expect(refused.status).toBe(401);
    expect(await refused.json()).toMatchObject({ code: 'certificate_invalid' });
    const renewed = await renew(await agentToken(node, { certificate: expired.pem }), await csrFor(node.keys));
    expect(renewed.status).toBe(200);
    expect((await dialResponse(await agentToken({ ...node, ...renewed.body }))).status).toBe(101);
  });
});

describe('who may connect', () => {
  it('B27: a certificate of another CA with the right name is refused', async () => {
    const node = await join(await tokenWith(['admin']), 'host', 'a');
    const rogue = await newKeys();
    const original = new X509Certificate(node.certificate);
    const certificate = await X509CertificateGenerator.create({
      serialNumber: original.serialNumber,
      subject: original.subject,
      issuer: original.issuer,
      notBefore: original.notBefore,
      notAfter: original.notAfter,
      publicKey: node.keys.publicKey,
      signingKey: rogue.privateKey,
      signingAlgorithm: p256,
      extensions: [
        new SubjectAlternativeNameExtension([{ type: 'url', value: spiffeUri(node.fleet_id, 'host', node.id) }]),
      ],
    });
    const response = await dialResponse(await agentToken(node, { certificate: certificate.toString('pem') }));
    expect(response.status).toBe(401);
    expect(await response.json()).toMatchObject({ code: 'certificate_invalid' });
  });

  it('B27: a deleted host is refused with its own words, also for renewal', async () => {
    const admin = await tokenWith(['admin']);
    const node = await join(admin, 'host', 'a');
    await call('DELETE', `/api/v1/hosts/${node.id}`, { token: admin });
    const response = await dialResponse(await agentToken(node));
    expect(response.status).toBe(403);
    expect(response.headers.get('content-type')).toBe('application/problem+json');
    expect(await response.json()).toMatchObject({ status: 403, code: 'host_revoked' });
    const renewal = await call('POST', agentPaths.renew, {
      body: { csr: await csrFor(node.keys) },
      headers: { authorization: `Bearer ${await agentToken(node)}` },
    });
    expect(renewal).toMatchObject({ status: 403, body: { code: 'host_revoked' } });
    expect(renewal.headers.get('content-type')).toBe('application/problem+json');
  });

  it('a token is good once, for a minute, for this audience, and only from the key of its certificate', async () => {
    const node = await join(await tokenWith(['admin']), 'host', 'a');
    const once = await agentToken(node);
    expect((await dialResponse(once)).status).toBe(101);
    const bad = {
      'used before': once,
      'another audience': await agentToken(node, { audience: 'somebody-else' }),
      expired: await agentToken(node, { issued: -200, expires: -140 }),
      'good for an hour': await agentToken(node, { expires: 3600 }),
      'of the future': await agentToken(node, { issued: 3600, expires: 3660 }),
      'of another key': await agentToken(node, { keys: await newKeys() }),
      'an API token': await tokenWith(['admin']),
    };
    for (const [name, token] of Object.entries(bad)) expect((await dialResponse(token)).status, name).toBe(401);
    expect((await dialResponse(null)).status).toBe(401);
  });

  it('connecting without an upgrade is refused', async () => {
    expect((await call('GET', agentPaths.connect)).status).toBe(422);
  });
});

/** The node's certificate as the fleet would have made it a month ago. */
async function outdated(node: { id: string; keys: CryptoKeyPair; fleet_id: string }): Promise<{ pem: string }> {
  const { runInDurableObject } = await import('cloudflare:test');
  const { signLeaf } = await import('../../worker/objects/fleet-authority/certificates.ts');
  const stub = env.FLEET_AUTHORITY.get(env.FLEET_AUTHORITY.idFromName('fleet'));
  const leaf = await runInDurableObject(stub, async (_, state) => {
    const stored = (await state.storage.get('fleet')) as { ca_pem: string; ca_key: JsonWebKey };
    const key = await crypto.subtle.importKey('jwk', stored.ca_key, p256, false, ['sign']);
    const ca = { certificate: stored.ca_pem, key, fleetId: node.fleet_id };
    return signLeaf(ca, node.keys.publicKey, { kind: 'host', id: node.id }, Date.now() - 30 * dayMs);
  });
  await env.DB.prepare('UPDATE node SET certificate_serial = ? WHERE id = ?').bind(leaf.serial, node.id).run();
  return { pem: leaf.certificate };
}

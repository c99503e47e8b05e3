import { X509Certificate } from 'node:crypto';
import { readFile, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { decodeProtectedHeader, jwtVerify } from 'jose';
import { describe, expect, test } from 'vitest';
import { openIdentity } from '../../node/identity.ts';
import { agentPaths, agentTokenAudience } from '../../schema/enrolment.ts';
import { startEnrolment } from './control-plane-ca.ts';
import { temporaryDirectory } from './temporary.ts';

const host = (stateDir: string, controlUrl: string, joinToken: string | null = 'join-1') =>
  openIdentity({ stateDir, controlUrl, joinToken, kind: 'host' });
const problem = (status: number, code: string) => ({ status, body: { code, detail: 'as the control plane says' } });

describe('identity', () => {
  test('a first start makes a key here, trades the token for a certificate, and keeps both for its owner only', async () => {
    const dir = await temporaryDirectory();
    const { url, issued, caPem } = await startEnrolment();
    const keeper = await host(dir, url);
    expect(keeper.identity()).toMatchObject({ fleetId: 'f1', kind: 'host', id: 'host_1', caPem });
    expect(issued[0]?.body.join_token).toBe('join-1');
    expect(JSON.stringify(issued)).not.toContain('PRIVATE');
    expect((await stat(join(dir, 'identity.json'))).mode & 0o777).toBe(0o600);
  });

  test('with a stored identity the join token is ignored', async () => {
    const dir = await temporaryDirectory();
    const { url, issued } = await startEnrolment();
    const first = await host(dir, url);
    const second = await host(dir, url, 'spent-long-ago');
    expect(second.identity()).toEqual(first.identity());
    expect(issued).toHaveLength(1);
  });

  test('B25: a join token that is used, expired or unknown says what to do, and stores no identity', async () => {
    for (const [status, code, advice] of [
      [409, 'join_token_used', '--state'],
      [401, 'join_token_expired', 'create it again'],
      [401, 'join_token_invalid', '--control'],
    ] as const) {
      const dir = await temporaryDirectory();
      const { url } = await startEnrolment({ answer: () => problem(status, code) });
      await expect(host(dir, url)).rejects.toMatchObject({ code, message: expect.stringContaining(advice) });
      await expect(stat(join(dir, 'identity.json'))).rejects.toThrow('ENOENT');
    }
  });

  test('without identity and token it says how to start', async () => {
    await expect(host(await temporaryDirectory(), 'http://127.0.0.1:9', null)).rejects.toThrow('--join TOKEN');
  });

  test('a control plane that does not answer, or is something else, is distinguished from a refusal', async () => {
    await expect(host(await temporaryDirectory(), 'http://127.0.0.1:9')).rejects.toMatchObject({
      code: 'control_unavailable',
    });
    const { url } = await startEnrolment({ answer: () => ({ status: 200, body: { hello: 'I am a printer' } }) });
    await expect(host(await temporaryDirectory(), url)).rejects.toThrow('did not answer as a Stackferry control plane');
    const https = url.replace('http:', 'https:');
    await expect(host(await temporaryDirectory(), https)).rejects.toThrow('it does not speak TLS; is it http://');
  });

  test('a certificate that is not for our key is not stored', async () => {
    const dir = await temporaryDirectory();
    const other = await host(await temporaryDirectory(), (await startEnrolment()).url);
    const { certPem: certificate, caPem: ca } = other.identity();
    const body = { id: 'host_1', kind: 'host', name: 'box', fleet_id: 'f1', certificate, ca };
    const { url } = await startEnrolment({ answer: () => ({ status: 200, body }) });
    await expect(host(dir, url)).rejects.toMatchObject({ code: 'certificate_invalid' });
    await expect(stat(join(dir, 'identity.json'))).rejects.toThrow('ENOENT');
  });

  test('its tokens are signed with the key, carry the certificate, live a minute at most, and are never the same', async () => {
    const keeper = await host(await temporaryDirectory(), (await startEnrolment()).url);
    const [token, another] = [await keeper.signAgentToken(), await keeper.signAgentToken(5 * 3_600_000)];
    const { x5c = [], alg } = decodeProtectedHeader(token);
    const certificate = new X509Certificate(Buffer.from(x5c[0] ?? '', 'base64'));
    const { payload } = await jwtVerify(token, certificate.publicKey, {
      audience: agentTokenAudience,
      issuer: 'host:host_1',
    });
    expect(alg).toBe('ES256');
    expect((payload.exp ?? 0) - (payload.iat ?? 0)).toBeLessThanOrEqual(60);
    const late = { currentDate: new Date(Date.now() + 5 * 3_600_000) };
    const { payload: other } = await jwtVerify(another, certificate.publicKey, late);
    expect(other.jti).not.toBe(payload.jti);
  });

  test('F39: a certificate close to its end is renewed with a fresh key, and the new one outlives a restart', async () => {
    const dir = await temporaryDirectory();
    const { url, issued } = await startEnrolment({ days: 6 });
    const keeper = await host(dir, url);
    const before = keeper.identity();
    expect(await keeper.renewIfDue()).toBe(true);
    expect(issued[1]?.path).toBe(agentPaths.renew);
    const token = issued[1]?.headers.authorization?.replace('Bearer ', '') ?? '';
    await jwtVerify(token, new X509Certificate(before.certPem).publicKey, { audience: agentTokenAudience });
    expect(keeper.identity().keyPem).not.toBe(before.keyPem);
    expect((await host(dir, url)).identity()).toEqual(keeper.identity());
  });

  test('a renewal that fails leaves the present identity as it is', async () => {
    const dir = await temporaryDirectory();
    const { url } = await startEnrolment({
      days: 6,
      answer: ({ path }) => (path === agentPaths.renew ? problem(403, 'host_revoked') : null),
    });
    const keeper = await host(dir, url);
    const before = keeper.identity();
    await expect(keeper.renewIfDue()).rejects.toMatchObject({ code: 'host_revoked' });
    expect(keeper.identity()).toEqual(before);
  });

  test('a fresh certificate is not renewed, a damaged identity is named', async () => {
    const dir = await temporaryDirectory();
    const { url } = await startEnrolment();
    expect(await (await host(dir, url)).renewIfDue()).toBe(false);
    const text = await readFile(join(dir, 'identity.json'), 'utf8');
    await writeFile(join(dir, 'identity.json'), text.slice(0, 100));
    await expect(host(dir, url)).rejects.toThrow('identity.json is damaged');
  });
});

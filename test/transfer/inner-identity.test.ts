import net from 'node:net';
import tls from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { startInnerTls } from '../../agent/transfer/inner-tls.ts';
import type { Identity } from '../../node/peer-identity.ts';
import { createTestFleet, type TestFleet } from '../support/certificates.ts';
import { closed } from './lane-rig.ts';

/** Two connected sockets, as the relay's splice gives them to the two agents. */
async function socketPair(): Promise<{ source: net.Socket; target: net.Socket; close(): void }> {
  const server = net.createServer();
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const accepted = new Promise<net.Socket>((resolve) => server.once('connection', resolve));
  const source = net.connect((server.address() as net.AddressInfo).port, '127.0.0.1');
  const target = await accepted;
  return {
    source,
    target,
    close: () => {
      source.destroy();
      target.destroy();
      server.close();
    },
  };
}

let fleet: TestFleet;
let source: Identity;
let target: Identity;
let pair: Awaited<ReturnType<typeof socketPair>>;
const signal = () => AbortSignal.timeout(15_000);

beforeEach(async () => {
  fleet = await createTestFleet();
  source = await fleet.identity('host', 'host-a');
  target = await fleet.identity('host', 'host-b');
  pair = await socketPair();
});
afterEach(() => pair.close());

/** Both handshakes; a client that the server refuses learns it only by the end of its connection. */
async function meet(asSource: Identity, asTarget: Identity) {
  const [client, server] = await Promise.allSettled([
    startInnerTls(pair.source, asSource, 'source', 'host-b', signal()),
    startInnerTls(pair.target, asTarget, 'target', 'host-a', signal()),
  ]);
  if (client.status === 'fulfilled') client.value.on('error', () => {});
  return { client, server };
}

/** Someone of another CA, who takes any certificate for good: the trust store of the impostor is the real fleet's. */
async function rogue(id: string, options = {}): Promise<Identity> {
  const other = await createTestFleet(fleet.fleetId);
  return { ...(await other.identity('host', id, options)), caPem: fleet.caPem };
}

const dayMs = 24 * 3_600_000;
const expired = { notBefore: new Date(Date.now() - 3 * dayMs), notAfter: new Date(Date.now() - dayMs) };
const early = { notBefore: new Date(Date.now() + dayMs), notAfter: new Date(Date.now() + 3 * dayMs) };

describe('the connection between two agents', () => {
  test('two hosts of the fleet that expect each other meet, with TLS 1.3 and the cheaper AES', async () => {
    const { client, server } = await meet(source, target);
    expect([client.status, server.status]).toEqual(['fulfilled', 'fulfilled']);
    if (client.status !== 'fulfilled') return;
    expect(client.value.getProtocol()).toBe('TLSv1.3');
    expect(client.value.getCipher().standardName).toBe('TLS_AES_128_GCM_SHA256');
  });

  test.each([
    ['B40 a source with a certificate of a rogue CA and the right name', () => rogue('host-a')],
    ['B27 a source whose certificate has expired', () => fleet.identity('host', 'host-a', expired)],
    ['B27 a source whose certificate is not valid yet', () => fleet.identity('host', 'host-a', early)],
    ['a source that is another host of the fleet', () => fleet.identity('host', 'host-c')],
    ['a source that is a relay of the fleet', () => fleet.identity('relay', 'host-a')],
    [
      'a source whose certificate bears a second name besides the right one',
      () =>
        fleet.identity('host', 'host-a', {
          altNames: [`spiffe://fleet-1/host/host-a`, 'spiffe://fleet-1/host/host-c'],
        }),
    ],
    [
      'a source of another fleet under the same CA',
      () => fleet.identity('host', 'host-a', { altNames: ['spiffe://fleet-2/host/host-a'] }),
    ],
  ])('%s is refused by the target', async (_title, identity) => {
    const { client, server } = await meet(await identity(), target);
    expect(server).toMatchObject({ status: 'rejected', reason: { code: 'peer_untrusted' } });
    if (client.status === 'fulfilled') await closed(client.value);
  });

  test('B40 a source without any certificate is refused by the target', async () => {
    const serving = startInnerTls(pair.target, target, 'target', 'host-a', signal());
    const client = tls.connect({ socket: pair.source, rejectUnauthorized: false });
    client.on('error', () => {});
    await expect(serving).rejects.toMatchObject({ code: 'peer_untrusted' });
    await closed(client);
  });

  test.each([
    ['B40 a target with a certificate of a rogue CA and the right name', () => rogue('host-b')],
    ['B27 a target whose certificate has expired', () => fleet.identity('host', 'host-b', expired)],
    ['a target that is another host of the fleet', () => fleet.identity('host', 'host-c')],
    ['a target that is a relay of the fleet', () => fleet.identity('relay', 'host-b')],
  ])('%s is refused by the source', async (_title, identity) => {
    const { client } = await meet(source, await identity());
    expect(client).toMatchObject({ status: 'rejected', reason: { code: 'peer_untrusted' } });
  });

  test('B40 the environment cannot switch the check off', async () => {
    process.env.NODE_TLS_REJECT_UNAUTHORIZED = '0';
    try {
      const { client } = await meet(source, await rogue('host-b'));
      expect(client.status).toBe('rejected');
    } finally {
      delete process.env.NODE_TLS_REJECT_UNAUTHORIZED;
    }
  });

  test('an older TLS than 1.3 is refused', async () => {
    const serving = startInnerTls(pair.target, target, 'target', 'host-a', signal());
    const client = tls.connect({
      socket: pair.source,
      maxVersion: 'TLSv1.2',
      key: source.keyPem,
      cert: source.certPem,
      ca: source.caPem,
      rejectUnauthorized: false,
    });
    client.on('error', () => {});
    await expect(serving).rejects.toMatchObject({ code: 'peer_untrusted' });
  });

  test.each(['source', 'target'] as const)(
    'B41 a peer that stalls in the handshake is left in bounded time, by the %s',
    async (role) => {
      const own = role === 'source' ? source : target;
      const started = startInnerTls(pair[role], own, role, 'host-x', signal(), 200);
      await expect(started).rejects.toMatchObject({ name: 'StackferryError' });
      expect(pair[role].destroyed).toBe(true);
    },
  );

  test('a peer that is not TLS at all is refused', async () => {
    const serving = startInnerTls(pair.target, target, 'target', 'host-a', signal());
    pair.source.write('GET / HTTP/1.1\r\n\r\n');
    await expect(serving).rejects.toMatchObject({ code: 'peer_untrusted' });
  });
});

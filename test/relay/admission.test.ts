import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { pingRelay, requestJoin } from '../../agent/transfer/relay-admission.ts';
import { encodeRelayMessage } from '../../schema/relay-protocol.ts';
import { createTestFleet, type TicketOptions } from '../support/certificates.ts';
import { type RelayRig, startRelayRig } from './relay-rig.ts';

const dayMs = 24 * 3_600_000;
let rig: RelayRig;
beforeEach(async () => {
  rig = await startRelayRig({ joinWaitMsMax: 300, messageMsMax: 300, handshakeMsMax: 300, firstByteMsMax: 300 });
});
afterEach(() => rig.close());

const place = () => ({ id: 'relay-1', host: '127.0.0.1', port: rig.relay.port });
const signal = () => AbortSignal.timeout(10_000);

describe('who may speak to the relay', () => {
  test('a host of the fleet is answered', async () => {
    const host = await rig.fleet.identity('host', 'host-a');
    expect(await rig.ask(host, { type: 'ping' })).toMatchObject({ type: 'pong' });
    const tookMs = await pingRelay(host, place(), signal());
    expect(tookMs).toBeGreaterThan(0);
    expect(tookMs).toBeLessThan(5_000);
  });

  test.each([
    [
      'B40 a certificate of a rogue CA with the right name',
      async () => ({ ...(await (await createTestFleet()).identity('host', 'host-a')), caPem: rig.fleet.caPem }),
    ],
    [
      'B27 an expired certificate',
      () =>
        rig.fleet.identity('host', 'host-a', {
          notBefore: new Date(Date.now() - 3 * dayMs),
          notAfter: new Date(Date.now() - dayMs),
        }),
    ],
    [
      'a certificate of another fleet under the same CA',
      () => rig.fleet.identity('host', 'host-a', { altNames: ['spiffe://fleet-2/host/host-a'] }),
    ],
    [
      'a certificate with two names',
      () =>
        rig.fleet.identity('host', 'host-a', {
          altNames: ['spiffe://fleet-1/host/host-a', 'spiffe://fleet-1/host/host-b'],
        }),
    ],
    ['a certificate of a relay', () => rig.fleet.identity('relay', 'relay-2')],
  ])('%s is refused by the relay', async (_title, identity) => {
    expect(await rig.ask(await identity(), { type: 'ping' })).toBeNull();
    expect(rig.relay.status().refusals.untrusted).toBe(1);
  });

  test('B27 a deleted host is refused though its certificate is good', async () => {
    rig.revoked.add('host-a');
    expect(await rig.ask(await rig.fleet.identity('host', 'host-a'), { type: 'ping' })).toBeNull();
    expect(await rig.ask(await rig.fleet.identity('host', 'host-b'), { type: 'ping' })).toMatchObject({ type: 'pong' });
  });

  test('no certificate at all is refused by the relay', async () => {
    const agent = await rig.secure({});
    agent?.say(encodeRelayMessage({ type: 'ping' }));
    expect((await agent?.answer()) ?? null).toBeNull();
  });

  test('B40 a relay with a certificate of a rogue CA and the right name is refused by the agent', async () => {
    const host = await rig.fleet.identity('host', 'host-a');
    const stranger = { ...host, caPem: (await createTestFleet()).caPem };
    await expect(pingRelay(stranger, place(), signal())).rejects.toMatchObject({ code: 'peer_untrusted' });
    await expect(pingRelay(host, { ...place(), id: 'relay-2' }, signal())).rejects.toMatchObject({
      code: 'peer_untrusted',
    });
  });

  test('a relay that does not answer is distinguished from one that is not trusted', async () => {
    const { port } = rig.relay;
    await rig.relay.close();
    const host = await rig.fleet.identity('host', 'host-a');
    await expect(pingRelay(host, { ...place(), port }, signal())).rejects.toMatchObject({ code: 'relay_unavailable' });
  });
});

describe('B30 tickets', () => {
  const agoMs = (ms: number) => ({ issuedAtMs: Date.now() - ms, expiresAtMs: Date.now() - ms + 120_000 });
  test.each<[string, Partial<TicketOptions>, string]>([
    ['an expired one', agoMs(300_000), 'ticket_expired'],
    ['one made for another host', { host: 'host-c' }, 'ticket_host_mismatch'],
    ['one made for another relay', { relay: 'relay-2' }, 'wrong_relay'],
    ['one of another fleet', { issuer: 'fleet-2' }, 'ticket_invalid'],
    [
      'one that lives for a day',
      { expiresAtMs: Date.now() + dayMs, issuedAtMs: Date.now() - 300_000 },
      'ticket_expired',
    ],
    ['one with a role that does not exist', { claims: { role: 'both' } }, 'ticket_invalid'],
  ])('%s is refused', async (_title, ticket, code) => {
    expect(await rig.join('host-a', ticket)).toEqual({ type: 'refused', code });
  });

  test('a forged one, signed with another key, is refused', async () => {
    const other = await createTestFleet();
    const ticket = await other.ticket({ host: 'host-a', peer: 'host-b', role: 'source' });
    const answer = await rig.ask(await rig.fleet.identity('host', 'host-a'), { type: 'join', ticket });
    expect(answer).toEqual({ type: 'refused', code: 'ticket_invalid' });
  });

  test('one without a signature, or with its claims changed, is refused', async () => {
    const host = await rig.fleet.identity('host', 'host-a');
    const ticket = await rig.fleet.ticket({ host: 'host-a', peer: 'host-b', role: 'source' });
    const [, claims, signature] = ticket.split('.') as [string, string, string];
    const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`;
    const changed = { ...JSON.parse(Buffer.from(claims, 'base64url').toString()), peer: 'host-c' };
    const altered = `${ticket.split('.')[0]}.${Buffer.from(JSON.stringify(changed)).toString('base64url')}.${signature}`;
    for (const forged of [none, altered, 'x', '']) {
      expect(await rig.ask(host, { type: 'join', ticket: forged })).toEqual({
        type: 'refused',
        code: 'ticket_invalid',
      });
    }
  });

  test('a ticket is good once: used again it is refused, also after its first use came to nothing', async () => {
    const jti = 'ticket-1';
    expect(await rig.join('host-a', { jti })).toEqual({ type: 'refused', code: 'peer_absent' });
    expect(await rig.join('host-a', { jti })).toEqual({ type: 'refused', code: 'ticket_reused' });
  });

  test('an agent tells a refused ticket from a relay that has no room, and a deleted host from both', async () => {
    const host = await rig.fleet.identity('host', 'host-a');
    const ticket = await rig.fleet.ticket({ host: 'host-c', peer: 'host-b', role: 'source' });
    await expect(requestJoin(host, place(), ticket, signal())).rejects.toMatchObject({ code: 'ticket_refused' });
    const lonely = await rig.fleet.ticket({ host: 'host-a', peer: 'host-b', role: 'source' });
    await expect(requestJoin(host, place(), lonely, signal())).rejects.toMatchObject({ code: 'relay_unavailable' });
  });
});

describe('B29 and B41 admissions that are slow, giant or out of turn', () => {
  const bareLength = (length: number) => {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32BE(length >>> 0);
    return bytes;
  };

  test('B41 a connection that never says a byte is closed', async () => {
    const socket = await rig.plain(Buffer.alloc(0));
    await new Promise((resolve) => socket.once('close', resolve));
    await expect.poll(() => rig.relay.status().connections).toBe(0);
  });

  test('B41 a handshake that stalls after its first bytes is closed', async () => {
    const socket = await rig.plain(Buffer.from([0x16, 0x03, 0x01, 0x02, 0x00, 0x01]));
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  });

  test('B29 a first byte of neither kind is closed at once', async () => {
    const socket = await rig.plain(Buffer.from('GET / HTTP/1.1\r\n\r\n'));
    socket.resume();
    await new Promise((resolve) => socket.once('close', resolve));
  });

  test('B29 a message that trickles in byte by byte does not hold its connection open', async () => {
    const agent = (await rig.secure(await rig.fleet.identity('host', 'host-a')))!;
    const message = encodeRelayMessage({ type: 'ping' });
    let sent = 0;
    const drip = setInterval(() => agent.say(message.subarray(sent, ++sent % message.length)), 40);
    expect(await agent.answer()).toBeNull();
    clearInterval(drip);
    expect(sent).toBeLessThan(message.length);
  });

  test.each([
    ['a length of 4 GiB', bareLength(-1)],
    ['a length just above the cap', bareLength(8_193)],
    ['an empty message', bareLength(0)],
    ['what is not JSON', Buffer.concat([bareLength(3), Buffer.from('{"x')])],
    ['an unknown message', Buffer.from(encodeRelayMessage({ type: 'shutdown' } as never))],
    ['an unknown field', Buffer.from(encodeRelayMessage({ type: 'ping', extra: 1 } as never))],
    ['a ticket above its size', Buffer.from(encodeRelayMessage({ type: 'join', ticket: 'x'.repeat(5_000) }))],
    ['more pings than one needs', Buffer.concat(Array(20).fill(encodeRelayMessage({ type: 'ping' })))],
  ])('B29 %s is refused and the connection closed', async (_title, bytes) => {
    const agent = (await rig.secure(await rig.fleet.identity('host', 'host-a')))!;
    agent.say(bytes);
    let answer = await agent.answer();
    while (answer?.type === 'pong') answer = await agent.answer();
    expect(answer).toEqual({ type: 'refused', code: 'protocol_error' });
    expect(await agent.answer()).toBeNull();
    await expect.poll(() => rig.relay.status().connections).toBe(0);
  });

  test('B29 bytes poured in behind a join are not kept', async () => {
    const agent = (await rig.secure(await rig.fleet.identity('host', 'host-a')))!;
    const ticket = await rig.fleet.ticket({ host: 'host-a', peer: 'host-b', role: 'source' });
    agent.say(encodeRelayMessage({ type: 'join', ticket }));
    agent.say(Buffer.alloc(1_000_000));
    expect(await agent.answer()).toEqual({ type: 'refused', code: 'protocol_error' });
    await expect.poll(() => rig.relay.status()).toMatchObject({ connections: 0, waiting: 0 });
  });
});

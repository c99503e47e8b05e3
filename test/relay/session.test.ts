import { randomBytes } from 'node:crypto';
import { afterEach, describe, expect, test } from 'vitest';
import type { RelayBounds } from '../../relay/listener.ts';
import { closed, nextBytes, type RelayRig, startRelayRig } from './relay-rig.ts';

let rig: RelayRig;
afterEach(() => rig.close());
const start = async (bounds: Partial<RelayBounds> = {}) => {
  rig = await startRelayRig(bounds);
};

/** Two sockets that the relay joined. */
async function joined(lane: string) {
  const [keyA, keyB] = await rig.invite(lane);
  return [await rig.spend(keyA), await rig.spend(keyB)] as const;
}

describe('bringing two hosts together', () => {
  test('both are invited only when both have come, and then each hears the other', async () => {
    await start();
    const first = rig.join('host-a', {});
    await expect.poll(() => rig.relay.status().waiting).toBe(1);
    const answers = await Promise.all([first, rig.join('host-b', {})]);
    const [keyA, keyB] = answers.map((answer) => (answer?.type === 'invited' ? answer.key : ''));
    expect(keyA).not.toBe(keyB);
    const [a, b] = [await rig.spend(keyA!), await rig.spend(keyB!)];
    a.write('from a');
    expect(await nextBytes(b)).toBe('from a');
    b.write('from b');
    expect(await nextBytes(a)).toBe('from b');
    expect(rig.relay.status()).toMatchObject({ sessions: 1, sessions_total: 1, bytes_total: 12 + 2 * 33, waiting: 0 });
  });

  test('what is sent right behind the key reaches the peer, also when key and data come byte by byte', async () => {
    await start();
    const [keyA, keyB] = await rig.invite('data');
    const whole = Buffer.concat([Buffer.of(0x4a), Buffer.from(keyA, 'hex'), Buffer.from('hello')]);
    const a = await rig.plain(whole.subarray(0, 1));
    a.setNoDelay(true);
    for (const byte of whole.subarray(1)) {
      a.write(Buffer.of(byte));
      await new Promise(setImmediate);
    }
    const b = await rig.spend(keyB);
    let heard = '';
    b.on('data', (bytes: Buffer) => {
      heard += bytes.toString();
    });
    await expect.poll(() => heard).toBe('hello');
  });

  test('one side ends in order: the other gets every byte, then the end', async () => {
    await start();
    const [a, b] = await joined('data');
    const bytes = randomBytes(5_000_000);
    const parts: Buffer[] = [];
    b.on('data', (part: Buffer) => parts.push(part));
    a.end(bytes);
    await new Promise((resolve) => b.once('end', resolve));
    expect(Buffer.concat(parts).equals(bytes)).toBe(true);
    await expect.poll(() => rig.relay.status().sessions).toBe(0);
  });

  test('a reader that does not read holds the writer back, and the relay keeps little of it', async () => {
    await start();
    const [a, b] = await joined('data');
    b.pause();
    const piece = Buffer.alloc(1_000_000);
    for (let count = 0; count < 64; count++) a.write(piece);
    await expect.poll(() => rig.relay.status().bytes_total).toBeGreaterThan(100_000);
    let before = -1;
    // Until the flow has come to its stop: the sockets' buffers are full.
    await expect
      .poll(
        () => {
          const now = rig.relay.status().bytes_total;
          const still = now === before;
          before = now;
          return still;
        },
        { interval: 100 },
      )
      .toBe(true);
    expect(before).toBeLessThan(32_000_000);
    let heard = 0;
    b.on('data', (bytes: Buffer) => {
      heard += bytes.length;
    });
    b.resume();
    await expect.poll(() => heard, { timeout: 10_000 }).toBe(64_000_000);
  });

  test('one side is cut: so is the other', async () => {
    await start();
    const [a, b] = await joined('data');
    a.resetAndDestroy();
    await closed(b);
    await expect.poll(() => rig.relay.status()).toMatchObject({ sessions: 0, connections: 0 });
  });

  test('F18 a session without a byte is cut after its bound', async () => {
    await start({ idleMsMax: 200 });
    const [a, b] = await joined('data');
    await Promise.all([closed(a), closed(b)]);
    await expect.poll(() => rig.relay.status().sessions).toBe(0);
  });

  test('a host whose peer does not come gets that as an answer, and does not wait for ever', async () => {
    await start({ joinWaitMsMax: 100 });
    expect(await rig.join('host-a', {})).toEqual({ type: 'refused', code: 'peer_absent' });
    expect(rig.relay.status()).toMatchObject({ waiting: 0, refusals: { peer_absent: 1 } });
  });

  test('a host that dials again while its older dial waits replaces it', async () => {
    await start();
    const older = rig.join('host-a', {});
    await expect.poll(() => rig.relay.status().waiting).toBe(1);
    const newer = rig.join('host-a', {});
    expect(await older).toEqual({ type: 'refused', code: 'superseded' });
    expect(await rig.join('host-b', {})).toMatchObject({ type: 'invited' });
    expect(await newer).toMatchObject({ type: 'invited' });
  });

  test('a host that hung up while it waited is not joined to anyone', async () => {
    await start({ joinWaitMsMax: 200 });
    const agent = await rig.secure(await rig.fleet.identity('host', 'host-a'));
    const { encodeRelayMessage } = await import('../../schema/relay-protocol.ts');
    agent!.say(
      encodeRelayMessage({
        type: 'join',
        ticket: await rig.fleet.ticket({ host: 'host-a', peer: 'host-b', role: 'source' }),
      }),
    );
    await expect.poll(() => rig.relay.status().waiting).toBe(1);
    agent!.socket.destroy();
    await expect.poll(() => rig.relay.status().waiting).toBe(0);
    expect(await rig.join('host-b', {})).toEqual({ type: 'refused', code: 'peer_absent' });
  });
});

describe('what is not brought together', () => {
  test.each([
    ['the same role', 'host-b', { role: 'source' as const }, 'peer_mismatch'],
    ['a peer other than the one its ticket names', 'host-b', { peer: 'host-c' }, 'peer_mismatch'],
    ['another migration', 'host-b', { claims: { mig: 'migration-2' } }, 'peer_mismatch'],
    ['a host that nobody expects', 'host-c', { role: 'target' as const, peer: 'host-a' }, 'peer_mismatch'],
  ])('%s', async (_title, host, ticket, code) => {
    await start({ joinWaitMsMax: 400 });
    const waiting = rig.join('host-a', {});
    await expect.poll(() => rig.relay.status().waiting).toBe(1);
    expect(await rig.join(host, ticket)).toEqual({ type: 'refused', code });
    expect(await waiting).toEqual({ type: 'refused', code: 'peer_absent' });
  });

  test('two lanes of one migration do not cross', async () => {
    await start({ joinWaitMsMax: 200 });
    const answers = await Promise.all([rig.join('host-a', { lane: 'one' }), rig.join('host-b', { lane: 'two' })]);
    for (const answer of answers) expect(answer).toEqual({ type: 'refused', code: 'peer_absent' });
  });

  test('B30 a join key is good once', async () => {
    await start();
    const [keyA, keyB] = await rig.invite('data');
    const a = await rig.spend(keyA);
    await closed(await rig.spend(keyA));
    const b = await rig.spend(keyB);
    a.write('still joined');
    expect(await nextBytes(b)).toBe('still joined');
    await closed(await rig.spend(keyB));
    expect(rig.relay.status().refusals.join_key).toBe(2);
  });

  test('B30 a guessed join key opens nothing', async () => {
    await start();
    await closed(await rig.spend(randomBytes(32).toString('hex')));
  });

  test('B41 a join key that does not come in time ends its session', async () => {
    await start({ joinKeyMsMax: 150 });
    const [keyA, keyB] = await rig.invite('data');
    const a = await rig.spend(keyA);
    await closed(a);
    await closed(await rig.spend(keyB));
    expect(rig.relay.status().sessions).toBe(0);
  });

  test('B29 half a join key is not waited for without bound', async () => {
    await start({ joinKeyMsMax: 150 });
    await closed(await rig.plain(Buffer.of(0x4a, 1, 2, 3)));
  });
});

describe('the relay protects itself', () => {
  test('a host has so many sessions and no more', async () => {
    await start({ sessionsPerHostMax: 1 });
    await joined('one');
    const answers = await Promise.all([rig.join('host-a', { lane: 'two' }), rig.join('host-b', { lane: 'two' })]);
    for (const answer of answers) expect(answer).toEqual({ type: 'refused', code: 'host_full' });
  });

  test('a full relay says so', async () => {
    await start({ sessionsMax: 1 });
    await joined('one');
    const answers = await Promise.all([rig.join('host-a', { lane: 'two' }), rig.join('host-b', { lane: 'two' })]);
    for (const answer of answers) expect(answer).toEqual({ type: 'refused', code: 'relay_full' });
  });

  test('only so many may wait, and only so many used tickets are remembered', async () => {
    await start({ waitingMax: 1, usedTicketsMax: 2, joinWaitMsMax: 500 });
    const waiting = rig.join('host-a', { lane: 'one' });
    await expect.poll(() => rig.relay.status().waiting).toBe(1);
    expect(await rig.join('host-a', { lane: 'two' })).toEqual({ type: 'refused', code: 'relay_full' });
    expect(await rig.join('host-b', { lane: 'one' })).toEqual({ type: 'refused', code: 'relay_full' });
    expect(await waiting).toMatchObject({ type: 'refused', code: 'peer_absent' });
  });

  test('B29 connections beyond the cap are closed, and those before it live on', async () => {
    await start({ connectionsMax: 4 });
    const [a, b] = await joined('data');
    await expect.poll(() => rig.relay.status().connections).toBe(2);
    const idle = await Promise.all([rig.plain(Buffer.alloc(0)), rig.plain(Buffer.alloc(0))]);
    await closed(await rig.plain(Buffer.alloc(0)));
    a.write('alive');
    expect(await nextBytes(b)).toBe('alive');
    for (const socket of idle) socket.destroy();
  });

  test('B27 a host that is deleted loses its sessions at once, and no other host does', async () => {
    await start();
    const [a, b] = await joined('data');
    const waiting = rig.join('host-a', { lane: 'next' });
    await expect.poll(() => rig.relay.status().waiting).toBe(1);
    const other = rig.join('host-c', { peer: 'host-d', role: 'source', lane: 'other' });
    await expect.poll(() => rig.relay.status().waiting).toBe(2);
    rig.relay.revoke('host-b');
    await Promise.all([closed(a), closed(b)]);
    expect(await waiting).toEqual({ type: 'refused', code: 'peer_absent' });
    expect(await rig.join('host-b', { lane: 'again' })).toBeNull();
    expect(rig.relay.status()).toMatchObject({ sessions: 0, waiting: 1 });
    await rig.join('host-d', { peer: 'host-c', role: 'target', lane: 'other' });
    expect(await other).toMatchObject({ type: 'invited' });
  });

  test('a closed relay lets go of everything', async () => {
    await start();
    const [a, b] = await joined('data');
    await rig.relay.close();
    await Promise.all([closed(a), closed(b)]);
  });
});

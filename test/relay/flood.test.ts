import net from 'node:net';
import { afterEach, expect, test } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { closed, nextBytes, type RelayRig, startRelayRig } from './relay-rig.ts';

let rig: RelayRig;
let flood: net.Socket[] = [];
afterEach(async () => {
  for (const socket of flood) socket.destroy();
  flood = [];
  await rig.close();
});

/** Fewer than a listening socket queues: what comes beyond, the kernel answers with a cookie, and may drop. */
const atOnce = 200;

/** Connections that say nothing, from these addresses by turns; resolves when the relay has taken or dropped each. */
async function silent(count: number, addressOf: (index: number) => string): Promise<void> {
  for (let from = 0; from < count; from += atOnce)
    await Promise.all(
      Array.from({ length: Math.min(atOnce, count - from) }, (_, index) => silentOne(addressOf(from + index))),
    );
}

function silentOne(localAddress: string): Promise<void> {
  const socket = net.connect({ port: rig.relay.port, host: '127.0.0.1', localAddress });
  socket.on('error', () => {});
  flood.push(socket);
  return new Promise<void>((resolve) => {
    socket.once('connect', () => resolve());
    socket.once('close', () => resolve());
  });
}
const ping = async () => rig.ask(await rig.fleet.identity('host', 'host-a'), { type: 'ping' });

test('P16: 1,100 silent connections of one address keep no host from the relay, and cut no session', async () => {
  // They stay as long as they can, as one who opens them again and again would have it.
  rig = await startRelayRig({ firstByteMsMax: 60_000 });
  const [keyA, keyB] = await rig.invite('before');
  const [a, b] = [await rig.spend(keyA), await rig.spend(keyB)];
  await silent(1_100, () => '127.0.0.2');
  expect(await ping()).toMatchObject({ type: 'pong' });
  const [lateA, lateB] = await rig.invite('during');
  const [c, d] = [await rig.spend(lateA), await rig.spend(lateB)];
  a.write('one');
  c.write('two');
  expect([await nextBytes(b), await nextBytes(d)]).toEqual(['one', 'two']);
  const { connections, refusals } = rig.relay.status();
  expect(connections).toBeLessThanOrEqual(limits.relay.unauthenticatedPerAddressMax + 20);
  expect(refusals.crowded_out).toBeGreaterThan(900);
});

test('P16: nor do those of many addresses, or of the hosts’ own', async () => {
  rig = await startRelayRig({ firstByteMsMax: 60_000 });
  const [keyA, keyB] = await rig.invite('before');
  const [a, b] = [await rig.spend(keyA), await rig.spend(keyB)];
  await silent(1_100, (index) => `127.0.${1 + (index % 20)}.1`);
  await silent(300, () => '127.0.0.1');
  expect(rig.relay.status().connections).toBeLessThanOrEqual(limits.relay.unauthenticatedMax + 20);
  expect(await ping()).toMatchObject({ type: 'pong' });
  a.write('one');
  expect(await nextBytes(b)).toBe('one');
});

test('P16: at the bound the oldest gives way, and who was admitted does not count', async () => {
  rig = await startRelayRig({ firstByteMsMax: 60_000, messageMsMax: 60_000, unauthenticatedPerAddressMax: 2 });
  const admitted = (await rig.secure(await rig.fleet.identity('host', 'host-a')))!;
  const [first, second, third] = [
    await rig.plain(Buffer.alloc(0)),
    await rig.plain(Buffer.alloc(0)),
    await rig.plain(Buffer.alloc(0)),
  ];
  await closed(first);
  expect([second.destroyed, third.destroyed, admitted.socket.destroyed]).toEqual([false, false, false]);
  await expect.poll(() => rig.relay.status().connections).toBe(3);
});

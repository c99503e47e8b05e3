import net from 'node:net';
import type { NetworkInterfaceInfo } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { dialDirectly } from '../../agent/transfer/direct-dial.ts';
import { fixedDoor, passingDoor } from '../../agent/transfer/direct-door.ts';
import { type DirectListener, openDirectListener } from '../../agent/transfer/direct-listener.ts';
import { startInnerTls } from '../../agent/transfer/inner-tls.ts';
import { relayDialer } from '../../agent/transfer/lanes.ts';
import { ownAddresses } from '../../agent/transfer/own-addresses.ts';
import { receiveItem } from '../../agent/transfer/receive.ts';
import type { TransferEvent } from '../../agent/transfer/reconnect.ts';
import { requestJoin } from '../../agent/transfer/relay-admission.ts';
import { sendItem } from '../../agent/transfer/send.ts';
import { freePort } from '../../cli/local/free-port.ts';
import type { Address } from '../../schema/address.ts';
import { encodeOpening } from '../../schema/direct-protocol.ts';
import { collectingSink, digestOf, type LaneRig, newKey, sha256, startLaneRig, tarLike, tarOf } from './lane-rig.ts';
import { startTap, type Tap } from './tap.ts';

const mib = 1_048_576;
const bytes = tarLike(8 * mib);
const session = 'migration-1.data';
let rig: LaneRig;
let directListener: DirectListener;
/** Before the target's own address. */
let wire: Tap;

beforeEach(async () => {
  rig = await startLaneRig();
  directListener = await openDirectListener({ host: '127.0.0.1', port: 0 });
  wire = await startTap(directListener.port);
});
afterEach(async () => {
  await wire.close();
  await directListener.close();
  await rig.close();
});

/** Both sides as an agent has them; the source's ticket names the target at `port`. */
function dialersTo(
  port: number,
  { door = fixedDoor(directListener), addresses = [] as Address[], direct = true } = {},
) {
  const faults: number[] = [];
  const dialer = (role: 'source' | 'target') => {
    const peer = rig.identities[role === 'source' ? 'target' : 'source'].id;
    return relayDialer({
      identity: () => rig.identities[role],
      ticket: async () => ({
        ticket: await rig.fleet.ticket({ host: rig.identities[role].id, peer, role }),
        relay: { id: 'relay-1', host: '127.0.0.1', port: rig.tap.port },
        bandwidth_limit: null,
        direct: direct && role === 'source' ? { host: '127.0.0.1', port } : null,
        addresses: role === 'source' ? addresses : [],
      }),
      door: role === 'target' ? door : null,
      onDirectFault: (place) => faults.push(place.port),
    });
  };
  const [source, target] = [dialer('source'), dialer('target')];
  return {
    faults,
    target,
    carry: async () => {
      const sink = collectingSink();
      const events: TransferEvent[] = [];
      const common = {
        lane: 'data',
        onProgress: () => {},
        record: async () => {},
        signal: AbortSignal.timeout(18_000),
      };
      const lane = { migrationId: 'migration-1', lane: 'data' };
      const [sent] = await Promise.all([
        sendItem({
          ...common,
          source: tarOf(bytes),
          newKey,
          connect: source('source', { ...lane, peer: rig.identities.target.id }),
          observe: (event) => events.push(event),
        }),
        receiveItem({
          ...common,
          sink,
          connect: target('target', { ...lane, peer: rig.identities.source.id }),
        }),
      ]);
      expect(sha256(sink.bytes())).toBe(sha256(bytes));
      expect(sent.sha256).toBe(digestOf(bytes));
      return events;
    },
  };
}

const knock = (text: Buffer) =>
  new Promise<string>((resolve) => {
    const socket = net.connect({ host: '127.0.0.1', port: directListener.port });
    let said = '';
    socket.on('data', (data) => (said += data.toString('hex')));
    socket.on('error', () => {});
    socket.on('close', () => resolve(said));
    socket.write(text);
  });

describe('a lane to a target that can be reached without a relay', () => {
  test('goes straight there, and none of it through the relay', async () => {
    await dialersTo(wire.port).carry();
    expect(wire.bytes()).toBeGreaterThan(bytes.length / 2);
    expect(rig.tap.bytes()).toBeLessThan(mib);
  });

  test('goes on where it was after a cut, straight again', async () => {
    wire.onBytes = (total) => {
      if (total > 3 * mib) {
        wire.onBytes = null;
        wire.cut();
      }
    };
    const events = await dialersTo(wire.port).carry();
    expect(events.filter(({ kind }) => kind === 'restarted')).toEqual([]);
    expect(rig.tap.bytes()).toBeLessThan(mib);
  });

  test('takes the relay where the address leads nowhere, and does not try that again soon', async () => {
    await wire.close();
    const dialers = dialersTo(wire.port);
    await dialers.carry();
    await dialers.carry();
    expect(dialers.faults).toEqual([wire.port]);
    expect(rig.tap.bytes()).toBeGreaterThan(bytes.length);
  });

  test('takes the relay where what answers there is something else', async () => {
    const other = net.createServer((socket) => socket.end('SSH-2.0-other\r\n'));
    await new Promise<void>((resolve) => other.listen(0, '127.0.0.1', resolve));
    const { port } = other.address() as net.AddressInfo;
    const dialers = dialersTo(port);
    await dialers.carry();
    expect(dialers.faults).toEqual([port]);
    other.close();
  });

  test('is not taken in by a stranger who knows the session: the certificates decide', async () => {
    const stranger = knock(Buffer.concat([encodeOpening(session), Buffer.from('let me in')]));
    await dialersTo(wire.port).carry();
    await stranger;
  });
});

describe('a lane to a target with addresses of its own', () => {
  const passing = () => passingDoor(() => {}, { addresses: () => ['127.0.0.1'] });

  test('goes straight there, past addresses that lead nowhere', async () => {
    const door = passing();
    const addresses = [{ host: '127.0.0.1', port: await freePort('127.0.0.1') }, ...(await door.open())];
    await dialersTo(wire.port, { door, addresses, direct: false }).carry();
    expect(rig.tap.bytes()).toBeLessThan(mib);
    await door.close();
  });

  test('needs no relay', async () => {
    const door = passing();
    const dialers = dialersTo(wire.port, { door, addresses: await door.open(), direct: false });
    await rig.relay.close();
    await dialers.carry();
    await door.close();
  });

  test('is taken directly by a source that both were admitted to the relay with', async () => {
    const door = passing();
    const [place] = (await door.open()) as [Address];
    const signal = AbortSignal.timeout(10_000);
    const { source, target } = rig.identities;
    const waiting = dialersTo(wire.port, { door }).target('target', {
      ...{ migrationId: 'migration-1', lane: 'data' },
      peer: source.id,
    })(signal);
    const ticket = await rig.fleet.ticket({ host: source.id, peer: target.id, role: 'source' });
    await requestJoin(source, { id: 'relay-1', host: '127.0.0.1', port: rig.tap.port }, ticket, signal);
    // The target joins the relay meanwhile.
    await sleep(300);
    const socket = await dialDirectly([place], session, signal, () => {}).socket;
    const [ours, theirs] = await Promise.all([startInnerTls(socket!, source, 'source', target.id, signal), waiting]);
    ours.destroy();
    theirs.destroy();
    await door.close();
  });

  test('waits no longer for a silent address than for the relay', async () => {
    const silent = net.createServer(() => {});
    await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
    const { port } = silent.address() as net.AddressInfo;
    const dialers = dialersTo(wire.port, { addresses: [{ host: '127.0.0.1', port }], direct: false });
    await dialers.carry();
    expect(dialers.faults).toEqual([port]);
    expect(rig.tap.bytes()).toBeGreaterThan(bytes.length);
    silent.close();
  });
});

describe('the door of a host', () => {
  const isOpen = (port: number) =>
    new Promise<boolean>((resolve) => {
      const socket = net.connect({ host: '127.0.0.1', port });
      socket.once('error', () => resolve(false));
      socket.once('connect', () => {
        socket.destroy();
        resolve(true);
      });
    });

  test('is shut once no lane was waited for in a while, and opens at the same port again', async () => {
    const door = passingDoor(() => {}, { addresses: () => ['127.0.0.1'], idleMsMax: 300 });
    const [{ port }] = (await door.open()) as [Address];
    expect(await isOpen(port)).toBe(true);
    const leave = new AbortController();
    const waited = door.wait(session, leave.signal).catch(() => null);
    await sleep(600);
    expect(await isOpen(port)).toBe(true);
    leave.abort();
    await waited;
    await expect.poll(() => isOpen(port)).toBe(false);

    const again = door.wait(session, AbortSignal.timeout(5_000));
    await expect.poll(() => isOpen(port)).toBe(true);
    const socket = net.connect({ host: '127.0.0.1', port });
    socket.write(encodeOpening(session));
    (await again).destroy();
    socket.destroy();
    await door.close();
    expect(await isOpen(port)).toBe(false);
  });

  test('is not opened where no address of the host leads anywhere', async () => {
    expect(await passingDoor(() => {}, { addresses: () => [] }).open()).toEqual([]);
  });

  test('has the addresses that other hosts may know, and none of container networks', () => {
    const at = (address: string, internal = false) => [{ address, internal } as NetworkInterfaceInfo];
    const interfaces = {
      lo: at('127.0.0.1', true),
      eth0: [...at('192.0.2.7'), ...at('2001:db8::7'), ...at('fe80::1')],
      docker0: at('172.17.0.1'),
      'br-0a1b2c': at('172.18.0.1'),
      wg0: at('10.9.0.2'),
    };
    expect(ownAddresses(interfaces)).toEqual(['192.0.2.7', '2001:db8::7', '10.9.0.2']);
  });
});

describe('the listener of a host', () => {
  test('closes on what is no opening, however it begins', async () => {
    for (const text of ['GET / HTTP/1.1\r\n\r\n', '\u0016\u0003\u0001', 'D\u0000\u0000', 'D\u00ff\u00ffx'])
      expect(await knock(Buffer.from(text, 'latin1'))).toBe('');
  });

  test('takes an opening in pieces of any size', async () => {
    const waited = directListener.wait(session, AbortSignal.timeout(5_000));
    const socket = net.connect({ host: '127.0.0.1', port: directListener.port, noDelay: true });
    for (const byte of encodeOpening(session)) {
      socket.write(Buffer.of(byte));
      await sleep(2);
    }
    (await waited).destroy();
    socket.destroy();
  });
});

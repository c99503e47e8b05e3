import net from 'node:net';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { type DirectListener, openDirectListener } from '../../agent/transfer/direct-listener.ts';
import { relayDialer } from '../../agent/transfer/lanes.ts';
import { receiveItem } from '../../agent/transfer/receive.ts';
import type { TransferEvent } from '../../agent/transfer/reconnect.ts';
import { sendItem } from '../../agent/transfer/send.ts';
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
function dialersTo(port: number) {
  const faults: number[] = [];
  const dialer = (role: 'source' | 'target') => {
    const peer = rig.identities[role === 'source' ? 'target' : 'source'].id;
    return relayDialer({
      identity: () => rig.identities[role],
      ticket: async () => ({
        ticket: await rig.fleet.ticket({ host: rig.identities[role].id, peer, role }),
        relay: { id: 'relay-1', host: '127.0.0.1', port: rig.tap.port },
        bandwidth_limit: null,
        direct: role === 'source' ? { host: '127.0.0.1', port } : null,
      }),
      directListener: role === 'target' ? directListener : null,
      onDirectFault: (place) => faults.push(place.port),
    });
  };
  const [source, target] = [dialer('source'), dialer('target')];
  return {
    faults,
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

describe('the directListener of a host', () => {
  test('closes on what is no opening, however it begins', async () => {
    for (const text of ['GET / HTTP/1.1\r\n\r\n', '\u0016\u0003\u0001', 'D\u0000\u0000', 'D\u00ff\u00ffx'])
      expect(await knock(Buffer.from(text, 'latin1'))).toBe('');
  });

  test('takes an opening in pieces of any size', async () => {
    const waited = directListener.wait(session, AbortSignal.timeout(5_000));
    const socket = net.connect({ host: '127.0.0.1', port: directListener.port, noDelay: true });
    for (const byte of encodeOpening(session)) {
      socket.write(Buffer.of(byte));
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    (await waited).destroy();
    socket.destroy();
  });
});

import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { relayDialer } from '../../agent/transfer/lanes.ts';
import { receiveItem } from '../../agent/transfer/receive.ts';
import type { TransferEvent } from '../../agent/transfer/reconnect.ts';
import { sendItem } from '../../agent/transfer/send.ts';
import { type Relay, startRelay } from '../../relay/listener.ts';
import { limits } from '../../schema/limits.ts';
import { RelaySelection } from '../../worker/saga/relay-selection.ts';
import { createTestFleet, type TestFleet } from '../support/certificates.ts';
import { collectingSink, digestOf, newKey, tarLike, tarOf } from './lane-rig.ts';
import { startTap, type Tap } from './tap.ts';

const mib = 1_048_576;
const hosts = { source: 'host-a', target: 'host-b' } as const;
type Role = keyof typeof hosts;

/** Two relays, each reached by each side over a wire of its own that can be cut; the production choice between them. */
interface Rig {
  relays: Relay[];
  wires: Record<Role, Tap[]>;
  /** Relay ids, as they were handed out with tickets. */
  asked: Record<Role, string[]>;
  carry(bytes: Buffer): Promise<{ sink: ReturnType<typeof collectingSink>; events: TransferEvent[]; sha256: string }>;
}

let fleet: TestFleet;
let rig: Rig;
const ids = ['relay-1', 'relay-2'];

async function startRig(): Promise<Rig> {
  fleet = await createTestFleet();
  const relays = await Promise.all(
    ids.map(async (id) => {
      const identity = await fleet.identity('relay', id);
      return startRelay({
        identity: () => identity,
        ticketPublicJwk: () => fleet.ticketJwk,
        revoked: () => new Set(),
        listen: { host: '127.0.0.1', port: 0 },
        bounds: { joinWaitMsMax: 1_000 },
      });
    }),
  );
  const wiresOf = () => Promise.all(relays.map(({ port }) => startTap(port)));
  const wires = { source: await wiresOf(), target: await wiresOf() };
  const choice = new RelaySelection();
  const asked: Rig['asked'] = { source: [], target: [] };
  const dialerOf = async (role: Role) => {
    const identity = await fleet.identity('host', hosts[role]);
    const peer = hosts[role === 'source' ? 'target' : 'source'];
    const connected = ids.map((id, index) => ({
      ...{ id, host: '127.0.0.1', port: wires[role][index]!.port },
      ...{ load: null, rtt_ms: null },
    }));
    const dialer = relayDialer({
      identity: () => identity,
      ticket: async ({ migration_id, lane, unreachable }) => {
        const relay = choice.choose(migration_id, connected, unreachable ?? [], Date.now())!;
        asked[role].push(relay.id);
        const place = connected.find(({ id }) => id === relay.id)!;
        return {
          ticket: await fleet.ticket({ host: hosts[role], peer, role, lane, relay: relay.id }),
          relay: place,
          bandwidth_limit: null,
          direct: null,
          addresses: [],
        };
      },
    });
    return dialer(role, { migrationId: 'migration-1', peer, lane: 'data' });
  };
  return {
    relays,
    wires,
    asked,
    carry: async (bytes) => {
      const sink = collectingSink();
      const events: TransferEvent[] = [];
      const common = {
        lane: 'data',
        onProgress: () => {},
        record: async () => {},
        signal: AbortSignal.timeout(18_000),
      };
      const [sent] = await Promise.all([
        sendItem({
          ...common,
          source: tarOf(bytes),
          newKey,
          connect: await dialerOf('source'),
          observe: (event) => events.push(event),
        }),
        receiveItem({ ...common, sink, connect: await dialerOf('target') }),
      ]);
      return { sink, events, sha256: sent.sha256 };
    },
  };
}

beforeEach(async () => {
  rig = await startRig();
});
afterEach(async () => {
  await Promise.all([...rig.wires.source, ...rig.wires.target].map((wire) => wire.close()));
  await Promise.all(rig.relays.map((relay) => relay.close()));
});

/** The relay that the migration is sent to while all is well. */
function firstChoice(): number {
  const relays = ids.map((id) => ({ id, host: '', port: 0, load: null, rtt_ms: null }));
  return ids.indexOf(new RelaySelection().choose('migration-1', relays, [], 0)!.id);
}

const bytesTowards = (relay: number) => rig.wires.source[relay]!.bytes();

describe('a lane with two relays', () => {
  test('F14 its relay is gone for good in mid-chunk: it goes on at the other, from the last acknowledged chunk', async () => {
    const bytes = tarLike(24 * mib);
    const first = firstChoice();
    const second = 1 - first;
    let gone: Promise<unknown> | null = null;
    rig.wires.source[first]!.onBytes = (total) => {
      if (total > 9.5 * mib) gone ??= rig.relays[first]!.close();
    };
    const { sink, events, ...sent } = await rig.carry(bytes);
    expect(gone).not.toBeNull();
    expect(sent.sha256).toBe(digestOf(bytes));
    expect(sink.bytes().equals(bytes)).toBe(true);
    expect([sink.opens, sink.resets]).toEqual([1, 0]);
    expect(events.some(({ kind }) => kind === 'restarted')).toBe(false);
    // What is sent again is what was under way: at most the window and what the sockets held.
    const again = bytesTowards(first) + bytesTowards(second) - bytes.length;
    expect(again).toBeLessThan((limits.stream.windowChunksMax + 2) * mib);
    expect(rig.asked.source.at(-1)).toBe(ids[second]);
    expect(rig.asked.target.at(-1)).toBe(ids[second]);
  });

  test.each(['source', 'target'] as const)(
    'F14 the %s alone cannot reach the relay, from the start: both meet at the other',
    async (side) => {
      const bytes = tarLike(4 * mib);
      const first = firstChoice();
      await rig.wires[side][first]!.close();
      const { sink, events } = await rig.carry(bytes);
      expect(sink.bytes().equals(bytes)).toBe(true);
      expect(bytesTowards(1 - first)).toBeGreaterThan(bytes.length);
      expect(rig.asked[side][0]).toBe(ids[first]);
      expect(rig.asked.source.at(-1)).toBe(ids[1 - first]);
      expect(rig.asked.target.at(-1)).toBe(ids[1 - first]);
      expect(events.filter(({ kind }) => kind === 'interrupted').length).toBeLessThanOrEqual(3);
    },
  );

  test('F14 the source loses its way to the relay in mid-chunk, the target does not: both move to the other', async () => {
    const bytes = tarLike(16 * mib);
    const first = firstChoice();
    let cut: Promise<void> | null = null;
    rig.wires.source[first]!.onBytes = (total) => {
      if (total > 5.5 * mib) cut ??= rig.wires.source[first]!.close();
    };
    const { sink } = await rig.carry(bytes);
    expect(cut).not.toBeNull();
    expect(sink.bytes().equals(bytes)).toBe(true);
    expect([sink.opens, sink.resets]).toEqual([1, 0]);
    expect(rig.asked.target.at(-1)).toBe(ids[1 - first]);
  });

  test('F14 a relay that takes connections and answers nothing is left for the other', async () => {
    const bytes = tarLike(2 * mib);
    const first = firstChoice();
    const silent = rig.wires.source[first]!;
    silent.alter = () => Buffer.alloc(0);
    const { sink } = await rig.carry(bytes);
    expect(sink.bytes().equals(bytes)).toBe(true);
    expect(rig.asked.source.at(-1)).toBe(ids[1 - first]);
  });
});

import net from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { TLSSocket } from 'node:tls';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import { fixedDoor } from '../../agent/transfer/direct-door.ts';
import { type DirectListener, openDirectListener } from '../../agent/transfer/direct-listener.ts';
import { dialEarly } from '../../agent/transfer/early-dial.ts';
import { relayDialer } from '../../agent/transfer/lanes.ts';
import type { Connect } from '../../agent/transfer/reconnect.ts';
import { freePort } from '../../cli/local/free-port.ts';
import { limits } from '../../schema/limits.ts';
import { collectingSink, digestOf, type LaneRig, sha256, startLaneRig, tarLike, tarOf } from './lane-rig.ts';

const mib = 1_048_576;
const bytes = tarLike(4 * mib);
const roles = ['source', 'target'] as const;
type Role = (typeof roles)[number];
/** Of an early dial that did not work out: two dials on this machine, with much to spare. */
const lateMsMax = 1_500;
let rig: LaneRig;
let listener: DirectListener;

beforeEach(async () => {
  rig = await startLaneRig();
  listener = await openDirectListener({ host: '127.0.0.1', port: 0 });
});
afterEach(async () => {
  await listener.close();
  await rig.close();
});

/** Both agents, through the relay or directly, with a ticket for each dial. */
function agents({ directPort = null as number | null, bounds = {} } = {}) {
  const tickets = { source: 0, target: 0 };
  const faults: number[] = [];
  const agentOf = (role: Role) => {
    const { id: host } = rig.identities[role];
    const { id: peer } = rig.identities[role === 'source' ? 'target' : 'source'];
    const dialer = relayDialer({
      identity: () => rig.identities[role],
      ticket: async ({ lane }) => {
        tickets[role] += 1;
        return {
          ticket: await rig.fleet.ticket({ host, peer, role, lane }),
          relay: { id: 'relay-1', host: '127.0.0.1', port: rig.tap.port },
          bandwidth_limit: null,
          direct: directPort !== null && role === 'source' ? { host: '127.0.0.1', port: directPort } : null,
          addresses: [],
        };
      },
      door: directPort !== null && role === 'target' ? fixedDoor(listener) : null,
      onDirectFault: ({ port }) => faults.push(port),
    });
    const early = dialEarly(dialer, { ...limits.early, ...bounds });
    const of = (lane: string, migrationId = 'migration-1') => ({ migrationId, peer, lane });
    return {
      begin: (lane = 'data') => early.begin(role, of(lane)),
      hangUp: early.hangUp,
      connect: early.dial(role, of('data')) as Connect,
    };
  };
  const [source, target] = roles.map(agentOf) as [ReturnType<typeof agentOf>, ReturnType<typeof agentOf>];
  const carry = async ({ writeMs = 0, ...delays }: { [R in Role]?: number } & { writeMs?: number } = {}) => {
    const sink = collectingSink({ onWrite: () => (writeMs ? sleep(writeMs) : undefined) });
    const beganAt = performance.now();
    const after = <T>(role: Role, work: () => Promise<T>) => sleep(delays[role] ?? 0).then(work);
    const signal = AbortSignal.timeout(15_000);
    const [sent] = await Promise.all([
      after('source', () => rig.send(tarOf(bytes), { connect: source.connect, signal })),
      after('target', () => rig.receive(sink, { connect: target.connect, signal })),
    ]);
    expect(sha256(sink.bytes())).toBe(sha256(bytes));
    expect(sent.sha256).toBe(digestOf(bytes));
    return performance.now() - beganAt;
  };
  return { source, target, tickets, faults, carry };
}

const sessions = () => rig.relay.status().sessions;
/** Both handshakes are over soon after the relay has joined the two. */
const meeting = async (count = 1) => {
  await expect.poll(sessions).toBe(count);
  await sleep(200);
};
const closed = () => expect.poll(sessions, { timeout: 3_000 }).toBe(0);

describe('a connection that was dialled before its lane', () => {
  test('is the one that the lane uses: no side dials again', async () => {
    const { source, target, tickets, carry } = agents();
    for (const agent of [source, target]) agent.begin();
    await meeting();
    await carry();
    expect(tickets).toEqual({ source: 1, target: 1 });
    expect(rig.relay.status().sessions_total).toBe(1);
  });

  test('is waited for if the lane begins during the dial', async () => {
    const { source, target, tickets, carry } = agents();
    for (const agent of [source, target]) agent.begin();
    await carry();
    expect(tickets).toEqual({ source: 1, target: 1 });
  });

  test.each(roles)('is used whichever lane begins first, here the one of the %s', async (first) => {
    const { source, target, tickets, carry } = agents();
    for (const agent of [source, target]) agent.begin();
    await meeting();
    await carry({ [first === 'source' ? 'target' : 'source']: 500 });
    expect(tickets).toEqual({ source: 1, target: 1 });
  });

  test.each(roles)('meets a peer that dials late, as of the previous release: only the %s is early', async (role) => {
    const { source, target, tickets, carry } = agents();
    (role === 'source' ? source : target).begin();
    await sleep(500);
    expect(await carry()).toBeLessThan(lateMsMax);
    expect(tickets).toEqual({ source: 1, target: 1 });
  });

  test.each(roles)('is dialled anew after the %s lost it, as in a restart', async (role) => {
    const { source, target, tickets, carry } = agents();
    for (const agent of [source, target]) agent.begin();
    await meeting();
    (role === 'source' ? source : target).hangUp(null);
    await closed();
    expect(await carry()).toBeLessThan(lateMsMax);
    expect(tickets).toEqual({ source: 2, target: 2 });
  });

  test.each(roles)('is dialled anew if the %s loses it as the lanes begin', async (role) => {
    const { source, target, carry } = agents();
    for (const agent of [source, target]) agent.begin();
    await meeting();
    (role === 'source' ? source : target).hangUp(null);
    expect(await carry()).toBeLessThan(lateMsMax);
  });

  test('is dialled anew after the relay was restarted', async () => {
    const { source, target, carry } = agents();
    for (const agent of [source, target]) agent.begin();
    await meeting();
    await rig.restartRelay();
    expect(await carry()).toBeLessThan(lateMsMax);
  });

  test('is dialled anew by a lane that begins after the bound, when it is closed', async () => {
    const { source, target, tickets, carry } = agents({ bounds: { waitMsMax: 600 } });
    for (const agent of [source, target]) agent.begin();
    await expect.poll(sessions).toBe(1);
    await closed();
    expect(await carry()).toBeLessThan(lateMsMax);
    expect(tickets).toEqual({ source: 2, target: 2 });
  });

  test('is not closed by the bound once its lane has it', async () => {
    const { source, target, tickets, carry } = agents({ bounds: { waitMsMax: 1_000 } });
    for (const agent of [source, target]) agent.begin();
    await meeting();
    expect(await carry({ writeMs: 400 })).toBeGreaterThan(1_200);
    expect(tickets).toEqual({ source: 1, target: 1 });
  });

  test('is closed on both sides when one hangs up, and so is a dial that has not met the peer', async () => {
    const { source, target } = agents();
    for (const agent of [source, target]) agent.begin();
    source.begin('alone');
    await meeting();
    expect(rig.relay.status().waiting).toBe(1);
    source.hangUp('another migration');
    await sleep(200);
    expect(sessions()).toBe(1);
    source.hangUp('migration-1');
    await closed();
    await expect.poll(() => rig.relay.status().waiting).toBe(0);
  });

  test('is not handed over once it is closed, and its place is free', async () => {
    const sockets: TLSSocket[] = [];
    const dialler = dialEarly(
      () => async () => {
        sockets.push(new TLSSocket(new net.Socket()));
        return sockets.at(-1)!;
      },
      { ...limits.early, waitingMax: 1 },
    );
    const lane = { migrationId: 'm1', peer: 'host-b', lane: 'data' };
    dialler.begin('source', lane);
    sockets[0]!.destroy();
    const socket = await dialler.dial('source', lane)(AbortSignal.timeout(1_000));
    expect([sockets.indexOf(socket), socket.destroyed]).toEqual([1, false]);

    dialler.begin('source', lane);
    await sleep(0);
    sockets[2]!.destroy();
    await sleep(50);
    dialler.begin('source', { ...lane, lane: 'other' });
    expect(sockets).toHaveLength(4);
    dialler.hangUp(null);
  });

  test('is one of a few', async () => {
    const { source, target, tickets } = agents({ bounds: { waitingMax: 2 } });
    for (const lane of ['one', 'two', 'three']) for (const agent of [source, target]) agent.begin(lane);
    await meeting(2);
    expect(tickets).toEqual({ source: 2, target: 2 });
    for (const agent of [source, target]) agent.hangUp(null);
    await closed();
    for (const agent of [source, target]) agent.begin('three');
    await meeting(1);
    target.hangUp(null);
  });

  test('leaves the lane to its own dial where it fails', async () => {
    const { source, target, carry } = agents();
    await rig.relay.close();
    for (const agent of [source, target]) agent.begin();
    await sleep(200);
    await rig.restartRelay();
    expect(await carry()).toBeLessThan(lateMsMax);
  });
});

describe('a connection that was dialled before its lane to a target that can be reached', () => {
  test('goes straight there', async () => {
    const { source, target, tickets, carry } = agents({ directPort: listener.port });
    for (const agent of [source, target]) agent.begin();
    await sleep(500);
    await carry();
    expect(tickets).toEqual({ source: 1, target: 1 });
    expect(rig.tap.bytes()).toBeLessThan(mib);
  });

  test('is given up if the target does not wait yet, so that the lane goes straight there too', async () => {
    const { source, faults, carry } = agents({ directPort: listener.port });
    source.begin();
    await sleep(limits.direct.goMsMax + 500);
    expect(rig.relay.status().waiting).toBe(0);
    expect(await carry()).toBeLessThan(lateMsMax);
    expect(faults).toEqual([]);
    expect(rig.tap.bytes()).toBeLessThan(mib);
  });

  test('goes through the relay if the address leads nowhere', async () => {
    const port = await freePort('127.0.0.1');
    const { source, target, tickets, faults, carry } = agents({ directPort: port });
    for (const agent of [source, target]) agent.begin();
    await meeting();
    await carry();
    expect(tickets).toEqual({ source: 1, target: 1 });
    expect(faults).toEqual([port]);
  });
});

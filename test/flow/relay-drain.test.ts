import { afterAll, beforeAll, expect, test } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import { isAlive } from '../support/is-alive.ts';
import { type FlowRig, mib, startFlowRig } from './flow-rig.ts';

let rig: FlowRig;
beforeAll(async () => {
  rig = await startFlowRig({ relays: 2 });
}, 120_000);
afterAll(() => rig?.close(), 60_000);

test('a relay that is told to stop carries what it began, what comes next takes the other one, and then it ends', async () => {
  const id = await rig.start();
  await rig.sent(8 * mib);
  const { member, wire } = rig.carrier();
  const other = rig.relays.find((relay) => relay.member !== member)!;
  const { pid } = member;
  const carried = wire.bytes();
  expect(other.wire.bytes()).toBeLessThan(mib);

  process.kill(pid, 'SIGTERM');
  const gone = async () => (await rig.fleet.api.get<{ status: string }>(`/relays/${member.id}`)).status === 'offline';
  await until(gone, 'the relay to be offline for the control plane');
  expect(isAlive(pid)).toBe(true);

  expect(await rig.fleet.ended(id)).toMatchObject({ status: 'completed' });
  expect(await rig.digest('target')).toEqual(await rig.digest('source'));
  // The volumes of 42 MiB went on where they were; the project directory came after them.
  expect(wire.bytes() - carried).toBeGreaterThan(24 * mib);
  expect(other.wire.bytes()).toBeGreaterThan(0);
  expect(other.wire.bytes()).toBeLessThan(4 * mib);
  await until(async () => !isAlive(pid), 'the relay to end');
}, 120_000);

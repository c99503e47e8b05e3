import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../cli/fleet.ts';
import { limits } from '../../schema/limits.ts';
import { type FlowRig, mib, stackBytes, startFlowRig } from './flow-rig.ts';

const bound = { timeout: 120_000 };

/** Every migration here begins with the stack at the source and must end with one copy and every byte. */
async function rigFor(relays: number): Promise<FlowRig> {
  const rig = await startFlowRig({ relays });
  return rig;
}

async function expectMoved(rig: FlowRig, id: string, before: string[]): Promise<void> {
  const migration = await rig.fleet.ended(id);
  expect(migration.failure).toBeNull();
  expect(migration.status).toBe('completed');
  expect([await rig.runs('source'), await rig.runs('target')]).toEqual([false, true]);
  expect(await rig.digest('target')).toEqual(before);
}

describe('two relays, real processes', () => {
  let rig: FlowRig;
  beforeAll(async () => {
    rig = await rigFor(2);
  }, 120_000);
  afterAll(() => rig.close(), 60_000);

  test('F14 the relay is killed in mid-chunk and stays away: the lane goes on through the other', bound, async () => {
    const before = await rig.digest('source');
    const id = await rig.start();
    await rig.sent(stackBytes / 3);
    const { member, wire } = rig.carrier();
    await member.stop('SIGKILL');
    const carried = wire.bytes();
    await expectMoved(rig, id, before);
    expect(rig.carrier().wire.bytes() - carried).toBeLessThan(stackBytes);
    expect(wire.bytes() - carried).toBeLessThan(mib);
    // Nothing began anew: what is sent again is what was under way, the window at most.
    const again = rig.bytesOnWires() - stackBytes;
    expect(again).toBeLessThan((limits.stream.windowChunksMax + 4) * mib);
  });
});

describe('one relay, real processes', () => {
  let rig: FlowRig;
  beforeAll(async () => {
    rig = await rigFor(1);
  }, 120_000);
  afterAll(() => rig.close(), 60_000);

  test(
    'F16 the control plane is cut off during the transfer: the agents finish what has begun and report later',
    bound,
    async () => {
      const before = await rig.digest('source');
      const id = await rig.start();
      await rig.sent(stackBytes / 3);
      await rig.stopControl();
      const carried = async () =>
        (await rig.log('source')).includes('carried') && (await rig.log('target')).includes('carried');
      await until(carried, 'both agents to be done with the lane');
      // The next lane needs a ticket: the agents wait for the control plane, longer than one question lasts.
      await new Promise((resolve) => setTimeout(resolve, limits.agent.askMsMax + 2_000));
      await rig.startControl();
      await expectMoved(rig, id, before);
      expect(rig.bytesOnWires()).toBeLessThan(stackBytes + 2 * mib);
    },
  );
});

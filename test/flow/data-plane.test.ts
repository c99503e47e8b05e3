import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { until } from '../../cli/local/fleet.ts';
import { limits } from '../../schema/limits.ts';
import { type FlowOptions, type FlowRig, mib, stackBytes, startFlowRig } from './flow-rig.ts';

const bound = { timeout: 120_000 };

/** What is sent again after a cut is what was under way: the window, and what lay in the sockets. */
const underWayMax = (limits.stream.windowChunksMax + 4) * mib;

async function expectMoved(rig: FlowRig, id: string, before: string[]): Promise<void> {
  const migration = await rig.fleet.ended(id);
  expect(migration.failure).toBeNull();
  expect(migration.status).toBe('completed');
  expect([await rig.runs('source'), await rig.runs('target')]).toEqual([false, true]);
  expect(await rig.digest('target')).toEqual(before);
}

/** One copy, at home, with every byte; of the attempt nothing is left. */
async function expectAtHome(rig: FlowRig, before: string[]): Promise<void> {
  expect([await rig.runs('source'), await rig.runs('target')]).toEqual([true, false]);
  expect(await rig.digest('source')).toEqual(before);
  await expect(rig.digest('target')).rejects.toThrow('ENOENT');
}

function useRig(options: FlowOptions): () => FlowRig {
  let rig: FlowRig;
  beforeAll(async () => {
    rig = await startFlowRig(options);
  }, 120_000);
  afterAll(() => rig?.close(), 60_000);
  return () => rig;
}

describe('two relays, real processes', () => {
  const the = useRig({ relays: 2 });

  test('F14 the relay is killed in mid-chunk and stays away: the lane goes on through the other', bound, async () => {
    const rig = the();
    const before = await rig.digest('source');
    const id = await rig.start();
    await rig.sent(stackBytes / 3);
    const { member, wire } = rig.carrier();
    await member.stop('SIGKILL');
    const carried = wire.bytes();
    await expectMoved(rig, id, before);
    expect(rig.carrier().wire.bytes() - carried).toBeLessThan(stackBytes);
    expect(wire.bytes() - carried).toBeLessThan(mib);
    // Nothing was packed again.
    expect(rig.bytesOnWires() - stackBytes).toBeLessThan(underWayMax);
  });
});

describe('one relay, agents that do not wait long, real processes', () => {
  const waitMsMax = 20_000;
  // And certificates that are due for renewal at each look.
  const renewing = {
    certificate: { renewBeforeDays: 2 * limits.certificate.hostDaysMax },
    agent: { renewCheckMs: 1_500 },
  };
  const the = useRig({ relays: 1, limits: { stream: { reconnectMsMax: waitMsMax }, ...renewing } });

  test(
    'F17 the source is cut off when the migration is to go back: it is asked until it is back, and put back then',
    bound,
    async () => {
      const rig = the();
      const before = await rig.digest('source');
      const id = await rig.start();
      await rig.sent(stackBytes / 3);
      // Stopped, it answers nothing, while its connections stay open: what a cut network looks like from the other end.
      process.kill(rig.hosts.source.pid, 'SIGSTOP');
      await rig.fleet.api.post(`/migrations/${id}/cancel`, {});
      const offline = async () =>
        (await rig.fleet.api.get<{ status: string }>(`/hosts/${rig.hosts.source.id}`)).status === 'offline';
      await until(offline, 'the source to count as offline');
      expect((await rig.show(id)).status).toBe('reverting');
      expect(await rig.runs('source')).toBe(false);
      process.kill(rig.hosts.source.pid, 'SIGCONT');
      expect((await rig.fleet.ended(id)).status).toBe('cancelled');
      await expectAtHome(rig, before);
    },
  );

  test('F15 every relay is down: the agents wait their bound, then the migration goes back', bound, async () => {
    const rig = the();
    const before = await rig.digest('source');
    const id = await rig.start();
    await rig.sent(stackBytes / 3);
    const { member } = rig.carrier();
    await member.stop('SIGKILL');
    const goneAt = performance.now();
    const migration = await rig.fleet.ended(id);
    expect(performance.now() - goneAt).toBeGreaterThan(waitMsMax - 1_000);
    expect(migration).toMatchObject({
      status: 'failed',
      failure: { step: 'transferring', code: 'transfer_interrupted' },
    });
    await expectAtHome(rig, before);
    await member.restart();
  });

  test(
    'F14 F39 the relay restarts in mid-chunk while certificates are renewed: the stream resumes at the last acknowledged chunk',
    bound,
    async () => {
      const rig = the();
      const before = await rig.digest('source');
      const renewals = async () => (await rig.log('source')).split('the certificate was renewed').length - 1;
      const [carried, renewed] = [rig.bytesOnWires(), await renewals()];
      const id = await rig.start();
      await rig.sent(stackBytes / 3);
      await rig.carrier().member.restart();
      await expectMoved(rig, id, before);
      expect(await renewals()).toBeGreaterThan(renewed);
      expect(rig.bytesOnWires() - carried - stackBytes).toBeLessThan(underWayMax);
    },
  );
});

describe('one relay, real processes', () => {
  const the = useRig({ relays: 1 });

  test(
    'F16 the control plane is cut off during the transfer: the agents finish what has begun and report later',
    bound,
    async () => {
      const rig = the();
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

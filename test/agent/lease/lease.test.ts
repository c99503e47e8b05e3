import { describe, expect, onTestFinished, test } from 'vitest';
import { createLeaseKeeper, type LeaseGuard } from '../../../agent/lease/lease.ts';
import { openMigrationLedger } from '../../../agent/migration-ledger.ts';
import { createLog } from '../../../node/log.ts';
import type { AskReply } from '../../../schema/agent-protocol.ts';
import { eventually, temporaryDirectory } from '../temporary.ts';

const key = { migration_id: 'm1', project: 'p', role: 'target' } as const;

/** A target whose clock, control plane and containers the test moves by hand. */
async function target(options: { stateDir?: string; bootId?: string; guard?: LeaseGuard } = {}) {
  const state = {
    now: 1_000_000,
    running: true,
    asked: 0,
    answer: async (): Promise<AskReply<'lease'>> => ({ granted: true, lease_ms: 45_000 }),
    stopFails: 0,
  };
  const stateDir = options.stateDir ?? (await temporaryDirectory());
  const ledger = await openMigrationLedger(stateDir);
  const keeper = createLeaseKeeper({
    ask: () => {
      state.asked += 1;
      return state.answer();
    },
    stopStarted: async () => {
      if (state.stopFails-- > 0) throw new Error('the engine does not answer');
      state.running = false;
    },
    ledger,
    log: createLog(() => {}),
    ...(options.guard ? { guard: options.guard } : {}),
    clock: { sinceBootMs: () => state.now, bootId: options.bootId ?? 'boot-1' },
    bounds: { checkIntervalMs: 5 },
  });
  onTestFinished(() => keeper.close());
  const cutOff = () => {
    state.answer = () => Promise.reject(new Error('no contact'));
  };
  return { state, ledger, keeper, cutOff, stateDir };
}

const deployed = async (ledger: Awaited<ReturnType<typeof openMigrationLedger>>) =>
  ledger.update(key, (entry) => {
    entry.deployed = true;
    entry.started = true;
  });

describe('lease', () => {
  test('the time that is left is of the lease that ends first; a lapsed one does not count', async () => {
    const { state, ledger, keeper, cutOff } = await target();
    expect(keeper.msLeft()).toBeNull();
    await deployed(ledger);
    await keeper.acquire('m1');
    cutOff();
    state.now += 10_000;
    expect(keeper.msLeft()).toBe(35_000);
    state.now += 35_000;
    await eventually(() => !state.running, 'the stop');
    expect(keeper.msLeft()).toBeNull();
  });

  test('F43: a target out of contact for longer than the lease stops what it started, and not before', async () => {
    const { state, ledger, keeper, cutOff } = await target();
    await deployed(ledger);
    const lapsed = await keeper.acquire('m1');
    cutOff();
    state.now += 44_000;
    await eventually(() => state.asked > 1, 'a renewal');
    expect([lapsed.aborted, state.running]).toEqual([false, true]);
    state.now += 1_000;
    await eventually(() => !state.running, 'the stop');
    expect(lapsed.aborted).toBe(true);
    await eventually(() => ledger.find('m1')?.started === false, 'the record');
    expect(() => keeper.held('m1')).toThrow('lapsed');
  });

  test('it counts from when leave was asked for, not from when the answer came', async () => {
    const { state, ledger, keeper, cutOff } = await target();
    await deployed(ledger);
    state.answer = async () => {
      state.now += 30_000;
      return { granted: true, lease_ms: 45_000 };
    };
    const lapsed = await keeper.acquire('m1');
    cutOff();
    state.now += 15_000;
    await eventually(() => lapsed.aborted, 'the end of the lease');
  });

  test('C1: it says until when it holds at least, by the control plane’s clock, whatever the way took', async () => {
    const { state, ledger, keeper, cutOff } = await target();
    await deployed(ledger);
    await keeper.acquire('m1');
    expect(await keeper.renewed('m1')).toBeNull();
    state.answer = async () => {
      state.now += 3_000;
      return { granted: true, lease_ms: 45_000, granted_at: 7_000_000 };
    };
    expect(await keeper.renewed('m1')).toBe(7_000_000 + 45_000 - 3_000);
    cutOff();
    expect(await keeper.renewed('m1')).toBe(7_000_000 + 45_000 - 3_000);
    state.now += 45_000;
    await eventually(() => !state.running, 'the stop');
    await expect(keeper.renewed('m1')).rejects.toThrow('lapsed');
  });

  test('a lease that is renewed lasts', async () => {
    const { state, ledger, keeper } = await target();
    await deployed(ledger);
    const lapsed = await keeper.acquire('m1');
    for (let round = 0; round < 8; round += 1) {
      state.now += 20_000;
      const before = state.asked;
      await eventually(() => state.asked > before, 'a renewal');
      await eventually(() => (ledger.find('m1')?.lease?.ends_at_ms ?? 0) >= state.now + 45_000, 'its grant');
    }
    expect([lapsed.aborted, state.running]).toEqual([false, true]);
  });

  test('without leave nothing starts', async () => {
    const { state, ledger, keeper } = await target();
    await deployed(ledger);
    state.answer = async () => ({ granted: false, lease_ms: 0 });
    await expect(keeper.acquire('m1')).rejects.toMatchObject({ code: 'lease_expired' });
    state.answer = () => Promise.reject(new Error('no contact'));
    await expect(keeper.acquire('m1')).rejects.toMatchObject({ code: 'lease_expired' });
  });

  test('unguarded nothing starts: a lease is only held once a guard watches it', async () => {
    const { ledger, keeper } = await target({ guard: { ensure: () => Promise.reject(new Error('no guard')) } });
    await deployed(ledger);
    await expect(keeper.acquire('m1')).rejects.toThrow('no guard');
    expect(() => keeper.held('m1')).toThrow('no lease');
  });

  test('a guard that was lost is looked for with each renewal', async () => {
    let ensured = 0;
    const guard = {
      ensure: async () => {
        ensured += 1;
      },
    };
    const { state, ledger, keeper } = await target({ guard });
    await deployed(ledger);
    await keeper.acquire('m1');
    expect(ensured).toBe(1);
    state.now += 10_000;
    await eventually(() => state.asked === 2, 'a renewal');
    expect(ensured).toBe(2);
  });

  test('leave that is withdrawn ends the lease at once', async () => {
    const { state, ledger, keeper } = await target();
    await deployed(ledger);
    const lapsed = await keeper.acquire('m1');
    state.answer = async () => ({ granted: false, lease_ms: 0 });
    state.now += 10_000;
    await eventually(() => lapsed.aborted && !state.running, 'the stop');
  });

  test('a stop that fails is tried until it succeeds', async () => {
    const { state, ledger, keeper, cutOff } = await target();
    await deployed(ledger);
    await keeper.acquire('m1');
    cutOff();
    state.stopFails = 1;
    state.now += 46_000;
    await eventually(() => !state.running, 'the second try');
  });

  test('once it is released, neither time nor a late refusal stops anything', async () => {
    const { state, ledger, keeper } = await target();
    await deployed(ledger);
    await keeper.acquire('m1');
    let refuse: () => void = () => {};
    state.answer = () =>
      new Promise((resolve) => {
        refuse = () => resolve({ granted: false, lease_ms: 0 });
      });
    state.now += 10_000;
    await eventually(() => state.asked > 1, 'a renewal');
    await keeper.release('m1');
    refuse();
    state.now += 100_000;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(state.running).toBe(true);
  });

  test('an agent that restarts gets no fresh lease: what was overdue is stopped at once', async () => {
    const first = await target();
    await deployed(first.ledger);
    await first.keeper.acquire('m1');
    first.keeper.close();
    const second = await target({ stateDir: first.stateDir });
    second.cutOff();
    second.state.now += 46_000;
    second.keeper.resume();
    await eventually(() => !second.state.running, 'the stop');
  });

  test('an agent that restarts in time renews, and nothing stops', async () => {
    const first = await target();
    await deployed(first.ledger);
    await first.keeper.acquire('m1');
    first.keeper.close();
    const second = await target({ stateDir: first.stateDir });
    second.state.now += 30_000;
    second.keeper.resume();
    await eventually(() => (second.ledger.find('m1')?.lease?.ends_at_ms ?? 0) >= second.state.now + 45_000, 'a grant');
    expect(second.state.running).toBe(true);
    expect(second.keeper.held('m1').aborted).toBe(false);
  });

  test('F44: after a reboot of the machine nothing has leave to run', async () => {
    const first = await target();
    await deployed(first.ledger);
    await first.keeper.acquire('m1');
    first.keeper.close();
    const second = await target({ stateDir: first.stateDir, bootId: 'boot-2' });
    second.state.now = 5_000;
    second.keeper.resume();
    await eventually(() => !second.state.running, 'the stop');
  });
});

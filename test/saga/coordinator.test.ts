import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { limits } from '../../schema/limits.ts';
import type { Saga } from '../../schema/saga.ts';
import { Coordinator } from '../../worker/saga/migration/coordinator.ts';
import type { CoordinatorPorts, MigrationRow } from '../../worker/saga/migration/ports.ts';
import { newSaga } from '../../worker/saga/migration/start.ts';
import type { Preflight } from '../../worker/saga/preflight/preflight-facts.ts';
import { startInput, storyAt } from './story.ts';

beforeEach(() => void vi.useFakeTimers({ now: 1_000_000_000 }));
afterEach(() => void vi.useRealTimers());

/** One stack's object on a database and a storage in memory, whose hosts answer as the test says. */
function rig(saga: Saga) {
  const now = Date.now();
  const stored = { value: { ...rowOf(saga), created_at: now } };
  const storage = new Map<string, unknown>();
  const state = {
    row: () => stored.value,
    take: (newer: Saga) => {
      stored.value = { ...rowOf(newer), created_at: now };
    },
    storage,
    alarm: null as number | null,
    silent: false,
    preflight: (): Promise<Preflight> => new Promise(() => {}),
    beforeDelete: async () => {},
    beforeCommit: async () => {},
  };
  const ports: CoordinatorPorts = {
    store: {
      load: async (id) => (stored.value.id === id ? structuredClone(stored.value) : null),
      insert: async (row) => {
        stored.value = { ...row, version: 1, updated_at: now };
        return 'inserted';
      },
      commit: async (row, next) => {
        await state.beforeCommit();
        if (stored.value.version !== row.version) return 'stale';
        stored.value = { ...row, saga: next.saga, status: next.saga.status, version: row.version + 1 };
        return 'committed';
      },
      activeOf: async () => null,
      waitingOf: async () => (isWaiting(stored.value) ? [structuredClone(stored.value)] : []),
      homeOf: async () => null,
    },
    hosts: {
      online: async () => !state.silent,
      deliver: async () => {},
      deliverOwed: async () => {},
      request: async () =>
        state.silent
          ? { ok: false, error: { code: 'host_offline', message: 'silent', log_tail: [] } }
          : { ok: true, data: { state: 'running' } },
    },
    memory: {
      get: async (key) => storage.get(key),
      put: async (key, value) => void storage.set(key, structuredClone(value)),
      delete: async (key) => storage.delete(key),
      setAlarm: async (at) => {
        state.alarm = at;
      },
      deleteAlarm: async () => {
        await state.beforeDelete();
        state.alarm = null;
      },
    },
    preflight: () => state.preflight(),
    background: (work) => void work.catch(() => {}),
  };
  storage.set('stack_id', 'stack_1');
  return { ...state, state, coordinator: new Coordinator(ports), replaced: () => new Coordinator(ports) };
}

const isWaiting = ({ saga }: MigrationRow) => saga.deadline_at !== null;
const rowOf = (saga: Saga): MigrationRow =>
  ({
    id: saga.id,
    stack_id: 'stack_1',
    status: saga.status,
    saga,
    version: 1,
    source_host_id: saga.source,
    target_host_id: saga.target,
  }) as MigrationRow;

/** A story's saga, as if its time began now. */
function sagaAt(status: Parameters<typeof storyAt>[0]): Saga {
  const { saga } = storyAt(status);
  const now = Date.now();
  return { ...saga, deadline_at: saga.deadline_at === null ? null : now + saga.deadline_at };
}

it('C8: a host that is deleted is not waited for by a record that turns out to be restored', async () => {
  const { saga } = storyAt('completed');
  const { coordinator, state, storage } = rig({ ...saga, awaiting: [], retry: [], deadline_at: null });
  storage.set('version:mig_1', 7);
  await coordinator.hostDeleted('mig_1', saga.source);
  expect(state.row().saga).toMatchObject({ restorations: 1, telling: false, awaiting: [], deadline_at: null });
});

it('C8: a migration that is over by the restored record, and was under way since, is examined at the next wake', async () => {
  const { saga } = storyAt('completed');
  const { coordinator, state, storage } = rig({ ...saga, awaiting: [], retry: [], deadline_at: null });
  storage.set('latest', 'mig_1');
  storage.set('version:mig_1', 1);
  await coordinator.wake();
  expect(state.row().saga.restorations).toBe(0);
  storage.set('version:mig_1', 7);
  await coordinator.wake();
  expect(state.row().saga).toMatchObject({ restorations: 1, telling: true });
});

it('C8: nothing starts from a record that turns out to be restored: its hosts are asked first', async () => {
  const { saga } = storyAt('completed');
  const { coordinator, state, storage } = rig({ ...saga, awaiting: [], retry: [], deadline_at: null });
  storage.set('latest', 'mig_1');
  storage.set('version:mig_1', 7);
  expect(await coordinator.start(startInput)).toEqual({ kind: 'busy', id: 'mig_1' });
  expect(state.row().saga).toMatchObject({ id: 'mig_1', telling: true });
  expect(await coordinator.start(startInput), 'they have not answered yet').toEqual({ kind: 'busy', id: 'mig_1' });
  expect(state.row().id).toBe('mig_1');
});

describe('C2 a lease that is granted while a way back is being written', () => {
  it('C2: is in storage before it is answered, and waited for by whichever instance goes on', async () => {
    const { coordinator, replaced, state } = rig(sagaAt('verifying'));
    const successor = replaced();
    // The cancel's write is under way for 25 s, and its object is replaced meanwhile.
    const written = Promise.withResolvers<void>();
    state.beforeCommit = () => written.promise;
    const cancelled = coordinator.acts.cancel('mig_1');
    await vi.advanceTimersByTimeAsync(25_000);
    const grantedAt = Date.now();
    expect(await successor.lease('mig_1', 'host_b', 1)).toMatchObject({ granted: true, granted_at: grantedAt });
    expect(state.storage.get('lease:host_b')).toMatchObject({ until: grantedAt + limits.lease.leaseMs });
    written.resolve();
    await cancelled;
    expect(state.row().saga.undo?.phase).toBe('stop');
    const deadline = state.row().saga.deadline_at ?? 0;
    expect(deadline).toBeLessThan(grantedAt + limits.lease.leaseMs + limits.lease.marginMs);

    state.beforeCommit = async () => {};
    vi.setSystemTime(deadline);
    await successor.wake();
    expect(state.row().saga.undo?.phase).toBe('stop');
    vi.setSystemTime(grantedAt + limits.lease.leaseMs + limits.lease.marginMs);
    await successor.wake();
    expect(state.row().saga.undo?.phase).toBe('restore');
  });

  it('C2: is not answered where it could not be stored', async () => {
    const { coordinator, storage } = rig(sagaAt('verifying'));
    storage.set = () => {
      throw new Error('the object was replaced');
    };
    await expect(coordinator.lease('mig_1', 'host_b', 1)).rejects.toThrow('replaced');
  });

  it('C2: is not granted to a way back', async () => {
    const { coordinator, storage } = rig(sagaAt('reverting'));
    expect(await coordinator.lease('mig_1', 'host_b', 2)).toMatchObject({ granted: false });
    expect(storage.has('lease:host_b')).toBe(false);
  });
});

describe('C11 the clock of a silent host', () => {
  const silentFor = async (ms: number, { coordinator, state }: ReturnType<typeof rig>) => {
    state.silent = true;
    for (let passed = 0; passed <= ms; passed += 5_000) {
      await coordinator.wake();
      vi.setSystemTime(Date.now() + 5_000);
    }
    state.silent = false;
  };

  it.each([
    ['an earlier migration', 'mig_2'],
    ['an earlier wait of this one', 'mig_1'],
  ])('C11: a blip of six seconds loses no host that was silent in %s', async (_, id) => {
    const it = rig(sagaAt('verifying'));
    it.state.silent = true;
    await it.coordinator.wake();
    vi.setSystemTime(Date.now() + 3_600_000);
    it.state.take({ ...sagaAt('verifying'), id });
    await silentFor(6_000, it);
    expect(it.state.row().status).toBe('verifying');
  });

  it('C11: a host that stays silent is lost, even if the coordinator is replaced meanwhile', async () => {
    const it = rig(sagaAt('verifying'));
    await silentFor(40_000, it);
    expect(it.state.row().status).toBe('verifying');
    await silentFor(30_000, { ...it, coordinator: it.replaced() });
    expect(it.state.row().status).toBe('reverting');
  });
});

describe('C19 the alarm', () => {
  it('C19: one that a migration sets when it starts is not deleted by what was waited for before', async () => {
    const armed = storyAt('completed');
    armed.answer('arm_target');
    armed.answer('retain_source');
    const { coordinator, state } = rig(armed.saga);
    const deleting = Promise.withResolvers<void>();
    state.beforeDelete = () => deleting.promise;
    const woken = coordinator.wake();
    await vi.advanceTimersByTimeAsync(0);
    void coordinator.start(startInput);
    await vi.advanceTimersByTimeAsync(0);
    deleting.resolve();
    await woken;
    await vi.advanceTimersByTimeAsync(10);
    expect(state.row().status).toBe('preflight');
    expect(state.alarm).not.toBeNull();
  });
});

it('F2 a pre-flight that a wake runs again waits for hosts until its deadline, and then says what it found', async () => {
  const saga = newSaga('mig_1', startInput, Date.now());
  const { coordinator, state } = rig(saga);
  const checks = [{ name: 'target_online', status: 'fail', detail: '' }];
  const answer = (offline: boolean) => ({ report: { passed: false, checks }, offline, plan: null }) as never;
  state.preflight = async () => answer(true);
  await coordinator.wake();
  await vi.advanceTimersByTimeAsync(limits.step.preflightMsMax - limits.control.commandCheckMs - 1);
  await coordinator.wake();
  expect(state.row().status).toBe('preflight');
  await vi.advanceTimersByTimeAsync(1);
  await coordinator.wake();
  await vi.advanceTimersByTimeAsync(0);
  expect(state.row().saga).toMatchObject({ status: 'failed', failure: { code: 'preflight_failed' } });
});

it('F10 a pre-flight whose caller waits says at once that a host is offline', async () => {
  const { coordinator, state } = rig(storyAt('completed').saga);
  const report = { passed: false, checks: [] };
  state.preflight = async () => ({ report, offline: true, plan: null }) as never;
  expect(await coordinator.start(startInput)).toMatchObject({ kind: 'refused', report });
  expect(await coordinator.start({ ...startInput, drain_id: 'drain_1' })).toMatchObject({ kind: 'started' });
});

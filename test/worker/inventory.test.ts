import { describe, expect, it, vi } from 'vitest';
import type { Status } from '../../schema/migration-status.ts';
import { inventoryChanges } from '../../worker/objects/host-connection/inventory.ts';
import { copiesSeen, type Move } from '../../worker/saga/inventory/placement.ts';
import { standingOf } from '../../worker/saga/inventory/standing.ts';
import type { StackRow } from '../../worker/store/stacks.ts';
import { connect, type FakeAgent, waiting } from './support/agent.ts';
import { call, tokenWith } from './support/api.ts';
import { join } from './support/node.ts';
import { insertMigration, summaryOf } from './support/records.ts';

const now = 1_800_000_000_000;

describe('where a reported project belongs', () => {
  const settled = { cleanup_owed: false, rolling_back: false, purged: false };

  it.each<[Status, 'source' | 'target', boolean, 'home' | 'copy', string]>([
    ['preflight', 'source', false, 'home', 'the source of a migration is its home'],
    ['transferring', 'target', false, 'copy', 'what is arriving is no stack yet'],
    ['reverting', 'source', false, 'home', 'a revert brings it back there'],
    ['needs_attention', 'target', false, 'copy', 'nobody knows yet'],
    ['completed', 'source', false, 'copy', 'the retained source'],
    ['completed', 'target', false, 'home', 'the new home'],
    ['rolled_back', 'source', false, 'home', 'it is home again'],
    ['rolled_back', 'target', false, 'copy', 'left behind until it is deleted'],
    ['failed', 'source', true, 'home', 'it never left'],
    ['failed', 'target', true, 'copy', 'left behind until it is cleaned up'],
    ['failed', 'target', false, 'home', 'another stack of that name'],
    ['cancelled', 'target', true, 'copy', 'left behind until it is cleaned up'],
  ])('%s, reported by the %s (clean-up owed: %s): %s, since %s', (status, role, cleanup_owed, standing) => {
    expect(standingOf({ ...settled, status, role, cleanup_owed })).toBe(standing);
  });

  it('while a rollback is under way the target is home, and the source a copy', () => {
    const rollingBack = { ...settled, status: 'needs_attention', rolling_back: true } as const;
    expect(standingOf({ ...rollingBack, role: 'target' })).toBe('home');
    expect(standingOf({ ...rollingBack, role: 'source' })).toBe('copy');
  });

  it('once the copy was deleted, what comes up there under that name is a stack of its own', () => {
    expect(standingOf({ ...settled, status: 'completed', role: 'source', purged: true })).toBe('home');
    expect(standingOf({ ...settled, status: 'rolled_back', role: 'target', purged: true })).toBe('home');
  });

  it('a project that never moved lives where it is', () => {
    expect(standingOf(null)).toBe('home');
  });
});

describe('F45 a kept copy that someone started', () => {
  const kept: Move = {
    id: 'mig_1',
    stack_id: 'stack_1',
    stack_name: 'shop',
    status: 'completed',
    role: 'source',
    cleanup_owed: false,
    rolling_back: false,
    purged: false,
    copy_running: false,
    ended_at: now - 3_600_000,
  };
  const shop = { ...summaryOf('shop'), running: true };

  it('is reported when it runs and when it is stopped again, each once', () => {
    expect(copiesSeen([shop], [kept], now)).toMatchObject([{ id: 'mig_1', running: true }]);
    expect(copiesSeen([shop], [{ ...kept, copy_running: true }], now)).toEqual([]);
    expect(copiesSeen([], [{ ...kept, copy_running: true }], now)).toMatchObject([{ id: 'mig_1', running: false }]);
  });

  it('is not told of the stack’s home, nor by a report that may be older than the completion', () => {
    expect(copiesSeen([shop], [{ ...kept, role: 'target' }], now)).toEqual([]);
    expect(copiesSeen([shop], [{ ...kept, ended_at: now - 1_000 }], now)).toEqual([]);
  });
});

describe('what an inventory changes', () => {
  const row = (name: string, more: Partial<StackRow> = {}): StackRow => ({
    id: `stack_${name}`,
    name,
    home_id: 'host_a',
    summary: summaryOf(name),
    created_at: now,
    seen_at: now,
    gone_at: null,
    ...more,
  });
  const move = (stack_name: string, more: Partial<Move>): Move => ({
    id: 'mig_1',
    stack_id: `stack_${stack_name}`,
    stack_name,
    status: 'completed',
    role: 'target',
    cleanup_owed: false,
    rolling_back: false,
    purged: false,
    copy_running: false,
    ended_at: now - 3_600_000,
    ...more,
  });

  it('adds what is new, marks what is gone, leaves the rest alone', () => {
    const changes = inventoryChanges([summaryOf('new'), summaryOf('same')], [row('same'), row('old')], [], now);
    expect(changes).toEqual({ added: [summaryOf('new')], seen: [], gone: ['stack_old'] });
  });

  it('C9 writes a row again when it changed or came back, however old it is', () => {
    const reported = ['changed', 'back', 'old'].map(summaryOf);
    const rows = [
      row('changed', { summary: { ...summaryOf('changed'), running: false } }),
      row('back', { gone_at: now - 1 }),
      row('old', { seen_at: 1 }),
    ];
    expect(inventoryChanges(reported, rows, [], now).seen.map(({ id }) => id)).toEqual(['stack_changed', 'stack_back']);
  });

  it('never takes a retained source or a left-behind target for a stack', () => {
    const moves = [move('retained', { role: 'source' }), move('arriving', { status: 'deploying', role: 'target' })];
    const changes = inventoryChanges(['retained', 'arriving'].map(summaryOf), [], moves, now);
    expect(changes).toEqual({ added: [], seen: [], gone: [] });
  });

  it('a stack under way, or just arrived, is not gone though a report misses it', () => {
    const rows = [row('moving'), row('arrived'), row('removed')];
    const moves = [
      move('moving', { status: 'transferring', role: 'source', ended_at: null }),
      move('arrived', { ended_at: now - 1_000 }),
      move('removed', {}),
    ];
    expect(inventoryChanges([], rows, moves, now).gone).toEqual(['stack_removed']);
  });

  it('C10 a stack whose description would fill the database is dropped', () => {
    const long = { ...summaryOf('long'), volumes: Array.from({ length: 100 }, () => 'v'.repeat(1_000)) };
    expect(inventoryChanges([long, summaryOf('shop')], [], [], now).added).toEqual([summaryOf('shop')]);
  });

  it('B10: project names that Compose would not allow are dropped', () => {
    const reported = ['../etc', 'a\u0000b', 'A', '', 'x'.repeat(300)].map(summaryOf);
    expect(inventoryChanges(reported, [], [], now).added).toEqual([]);
  });
});

describe('stacks as hosts report them', () => {
  const names = async (token: string) => {
    const { body } = await call('GET', '/api/v1/stacks', { token });
    return body.items.map((stack: { name: string; host_name: string }) => `${stack.name}@${stack.host_name}`);
  };
  const report = (agent: FakeAgent, ...projects: string[]) =>
    agent.say({ type: 'inventory', stacks: projects.map(summaryOf) });

  it('are listed with their home, keep their id when they come back, and go with their host', async () => {
    const token = await tokenWith(['admin']);
    const a = await join(token, 'host', 'a');
    const agent = await connect(a);
    report(agent, 'shop', 'blog');
    await vi.waitFor(async () => expect(await names(token)).toEqual(['blog@a', 'shop@a']), waiting);
    const before = await call('GET', '/api/v1/stacks/shop', { token });
    expect(before.body).toMatchObject({ host_id: a.id, summary: summaryOf('shop'), active_migration_id: null });
    report(agent, 'blog');
    await vi.waitFor(async () => expect(await names(token)).toEqual(['blog@a']), waiting);
    report(agent, 'blog', 'shop');
    await vi.waitFor(async () => expect(await names(token)).toEqual(['blog@a', 'shop@a']), waiting);
    expect((await call('GET', '/api/v1/stacks/shop', { token })).body.id).toBe(before.body.id);
    await call('DELETE', `/api/v1/hosts/${a.id}`, { token });
    expect(await names(token)).toEqual([]);
  });

  it('are one stack before, during and after a migration, though both hosts report the project', async () => {
    const token = await tokenWith(['admin']);
    const [a, b] = [await join(token, 'host', 'a'), await join(token, 'host', 'b')];
    const [onA, onB] = [await connect(a), await connect(b)];
    report(onA, 'shop');
    await vi.waitFor(async () => expect(await names(token)).toEqual(['shop@a']), waiting);
    const { id } = (await call('GET', '/api/v1/stacks/shop', { token })).body;
    const moved = { stack_id: id, stack_name: 'shop', source_host_id: a.id, target_host_id: b.id };
    const active = await insertMigration({ ...moved, status: 'deploying' });
    report(onB, 'shop', 'marker');
    await vi.waitFor(async () => expect(await names(token)).toEqual(['marker@b', 'shop@a']), waiting);
    expect((await call('GET', '/api/v1/stacks/shop', { token })).body.active_migration_id).toBe(active);
  });
});

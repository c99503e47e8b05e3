import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../schema/agent-protocol.ts';
import type { CommandKind } from '../../schema/commands.ts';
import { limits } from '../../schema/limits.ts';
import { call } from './support/api.ts';
import { type Answers, charsOf, count, ending, good, lyingFleet, refused, set } from './support/lying-fleet.ts';
import { summaryOf } from './support/records.ts';

/** A migration that turns back at its health check, and a target that lies about having stopped what it started. */

/** Answers so to being told to stop, or to clean up. */
const unwell =
  (answers: { [K in CommandKind]?: Outcome | null }): Answers =>
  (kind) => {
    if (kind in answers) return answers[kind] ?? null;
    return kind === 'verify_health' ? refused('unhealthy') : good(kind);
  };

async function goesBack(answers: { [K in CommandKind]?: Outcome | null }) {
  const there = await lyingFleet(unwell(answers));
  there.lie();
  const { id } = (await there.migrate()).body;
  return { ...there, id: id as string };
}

describe('a target on the way back', () => {
  it.each<[string, Outcome]>([
    ['that it cannot stop', refused('command_failed')],
    ['nothing that can be read', { ok: true, data: null }],
    [
      'more than can be kept',
      { ok: false, error: { code: 'command_failed', message: 'x'.repeat(2_000), log_tail: [] } },
    ],
  ])('B32 says %s, again and again: the source stays stopped until a person vouches for it', async (_, outcome) => {
    set(limits.undo, { retryMs: 20 });
    const there = await goesBack({ stop_target: outcome });
    const { attention } = await there.reaches(there.id, 'needs_attention');
    expect(attention).toMatchObject({ target: expect.stringContaining('may still run') });
    expect(there.told.a).not.toContain('restore_source');
    expect(await charsOf('migration', 'saga')).toBeLessThan(100_000);
    expect((await there.post(there.id, 'retry', { stopped: true })).status).toBeLessThan(300);
    await there.reaches(there.id, 'failed');
    expect(count(there.told.a, 'restore_source')).toBe(1);
  });

  it('B32 says nothing: the source is started once its last lease is over, and not before', async () => {
    set(limits.lease, { leaseMs: 1_500, marginMs: 500 });
    const there = await goesBack({ stop_target: null });
    await vi.waitFor(() => expect(there.told.b).toContain('stop_target'), ending);
    const askedAt = Date.now();
    await vi.waitFor(() => expect(there.told.a).toContain('restore_source'), ending);
    expect(Date.now() - askedAt).toBeGreaterThan(1_500);
    await there.reaches(there.id, 'failed');
  });

  it('F45 says that it stopped and runs on: the source has the stack again, and the other copy is listed', async () => {
    set(limits.control, { inventoryIntervalMs: 0 });
    const there = await goesBack({});
    await there.reaches(there.id, 'failed');
    await vi.waitFor(async () => expect(await there.show(there.id)).toMatchObject({ owed: [] }), ending);
    there.agents.b.say({ type: 'inventory', stacks: [summaryOf('shop')], leftovers: [] });
    await vi.waitFor(async () => {
      const { items } = (await call('GET', '/api/v1/stacks', { token: there.token })).body;
      const homes = items.map(({ host_id }: { host_id: string }) => host_id);
      expect(homes.sort()).toEqual([there.a.id, there.b.id].sort());
    }, ending);
  });

  it('B32 says without end that much remains there: each time a little of it is shown', async () => {
    set(limits.control, { attentionRetryMsMin: 20, attentionRetryMsMax: 20 });
    const remaining = Array.from({ length: 70 }, () => ({ what: 'x'.repeat(4_000), why: 'y'.repeat(4_000) }));
    const there = await goesBack({ cleanup_target: { ok: true, data: { removed: [], remaining } } });
    await there.reaches(there.id, 'failed');
    await vi.waitFor(() => expect(count(there.told.b, 'cleanup_target')).toBeGreaterThan(2), ending);
    expect(await charsOf('migration_event', 'data')).toBeLessThan(40_000);
    expect(await charsOf('migration', 'saga')).toBeLessThan(1_000_000);
  });
});

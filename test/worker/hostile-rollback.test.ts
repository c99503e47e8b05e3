import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { type SourcePhase, targetPhases } from '../../schema/commands/parts.ts';
import { limits } from '../../schema/limits.ts';
import { worst } from '../support/hostile-values.ts';
import { call } from './support/api.ts';
import { type Answers, charsOf, count, ending, good, refused, rolledBack, set } from './support/lying-fleet.ts';
import { summaryOf } from './support/records.ts';

/**
 * A target that lies in a rollback. The source's copy is started only where the target said that it stopped; where nobody
 * can know, a person is told.
 */

const haltAnswer = {
  prior: [
    {
      id: 'c1',
      name: 'shop-web-1',
      service: 'web',
      running: true,
      restart_policy: { name: 'always', maximum_retry_count: 0 },
      state: null,
      health: null,
      image: { reference: 'nginx:1', id: 'sha256:1', digest: null },
    },
  ],
  killed: ['web'],
};
const wellSaid = { halt_target: haltAnswer, resume_target: { running: ['web', 'db'] } };

/** What an honest source has in its record, by what it was told. */
const honestly: Answers = (kind, told) => {
  const phase: SourcePhase = told.includes('revive_source') ? 'revived' : 'retained';
  return kind === 'tell_source' ? { ok: true, data: { phase } } : good(kind);
};

describe('a rollback', () => {
  const cases = (['halt_target', 'resume_target'] as const).flatMap((kind) =>
    worst(wellSaid[kind])
      .filter(({ value }) => JSON.stringify(value) !== JSON.stringify(wellSaid[kind]))
      .map(({ name, value }) => [kind, name, value] as const),
  );
  it.each(cases)('B32 %s with %s: the stack has one home, and the record can be read', async (liar, _, data) => {
    const unwell: Answers = (kind) => (kind === 'verify_source' ? refused('unhealthy') : good(kind));
    const there = await rolledBack(
      (kind) => (kind === liar ? { ok: true, data } : good(kind)),
      liar === 'resume_target' ? unwell : good,
    );
    const { status } = await there.reaches(there.id, 'rolled_back', 'completed');
    const isRead = liar === 'halt_target' && status === 'rolled_back';
    expect(there.told.a.includes('revive_source')).toBe(isRead || liar === 'resume_target');
    // Sent once the end is committed.
    if (isRead) await vi.waitFor(() => expect(there.told.a).toContain('arm_source'), ending);
    else expect(there.told.a).not.toContain('arm_source');
  });

  it.each(['command_failed', 'lease_expired', 'cancelled', 'migration_ended', 'ledger_ahead', 'no such code'])(
    'B32 a target that refuses to halt with "%s": the source is not started, the stack stays where it runs',
    async (code) => {
      const there = await rolledBack((kind) => (kind === 'halt_target' ? refused(code) : good(kind)), honestly);
      const view = await there.reaches(there.id, 'completed', 'needs_attention');
      expect(there.told.a).not.toContain('revive_source');
      expect(there.told.a).not.toContain('arm_source');
      if (view.status === 'needs_attention') expect(view.attention?.todo).not.toBe('');
    },
  );

  it.each(targetPhases)('B32 it says that it knows better, and "%s": the source is not started', async (phase) => {
    const there = await rolledBack((kind) => {
      if (kind === 'halt_target') return refused('ledger_ahead');
      return kind === 'tell_target' ? { ok: true, data: { phase } } : good(kind);
    }, honestly);
    await vi.waitFor(() => expect(there.told.b).toContain('tell_target'), ending);
    const view = await there.reaches(there.id, 'completed', 'needs_attention');
    expect(there.told.a).not.toContain('revive_source');
    expect(view.status).toBe(phase === 'made' ? 'needs_attention' : 'completed');
  });

  it('B32 it says without end that the question is of an older epoch: asked a few times, then a person is told', async () => {
    const there = await rolledBack(() => refused('epoch_stale'), honestly);
    const view = await there.reaches(there.id, 'needs_attention');
    expect(view.attention?.why).toContain('again and again');
    const asked = count(there.told.b, 'tell_target');
    expect(asked).toBeLessThan(10);
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(count(there.told.b, 'tell_target')).toBe(asked);
    expect(there.told.a).not.toContain('revive_source');
  });

  it('B32 it never takes the stack back: the source stays stopped, a person is told what is where', async () => {
    set(limits.undo, { retryMs: 20 });
    const there = await rolledBack(
      (kind) => (kind === 'resume_target' ? refused('command_failed') : good(kind)),
      (kind) => (kind === 'verify_source' ? refused('unhealthy') : good(kind)),
    );
    const { attention } = await there.reaches(there.id, 'needs_attention');
    expect(attention).toMatchObject({ source: 'stopped', target: expect.stringContaining('being restored') });
    expect(there.told.a.at(-1)).toBe('stop_source');
    const resolved = await there.post(there.id, 'resolve', { resolution: 'target_lost' });
    expect(resolved).toMatchObject({ status: 409, body: { code: 'host_not_lost' } });
  });

  it('F45 it says that it halted and runs on: the API reports that its copy runs', async () => {
    set(limits.control, { inventoryIntervalMs: 0 });
    const there = await rolledBack(good);
    await there.reaches(there.id, 'rolled_back');
    there.agents.b.say({ type: 'inventory', stacks: [summaryOf('shop')], leftovers: [] });
    await vi.waitFor(
      async () => expect(await there.show(there.id)).toMatchObject({ window: { copy_running: true } }),
      ending,
    );
    const home = (await call('GET', '/api/v1/stacks/shop', { token: there.token })).body;
    expect(home.host_id).toBe(there.a.id);
    const failures = await env.DB.prepare(`SELECT data FROM migration_event WHERE kind = 'failure'`).all();
    expect(JSON.stringify(failures.results)).toContain('stack_running');
  });

  it('B32 answers that would fill the record do not keep the stack from where it belongs', async () => {
    const prior = Array.from({ length: 100 }, () => ({
      ...haltAnswer.prior[0],
      name: 'x'.repeat(4_000),
      id: 'y'.repeat(4_000),
    }));
    const there = await rolledBack((kind) =>
      kind === 'halt_target' ? { ok: true, data: { prior, killed: [] } } : good(kind),
    );
    const view = await there.reaches(there.id, 'completed');
    expect(view.rollback?.failure?.message).toContain('longer than');
    await vi.waitFor(() => expect(there.told.b.at(-1)).toBe('resume_target'), ending);
    expect(there.told.a).not.toContain('revive_source');
    expect(await charsOf('migration', 'saga')).toBeLessThan(1_000_000);
  });
});

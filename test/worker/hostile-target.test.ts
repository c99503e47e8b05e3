import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import type { Outcome } from '../../schema/agent-protocol.ts';
import { migrationView } from '../../schema/api/migrations.ts';
import type { CommandKind } from '../../schema/commands.ts';
import { goodAnswers } from '../saga/story.ts';
import { worst } from '../support/hostile-values.ts';
import { call } from './support/api.ts';
import { fleet } from './support/fleet.ts';

/** A target that lies about its commands: the stack comes back, or is said to be where the target says it is. */

const ending = { timeout: 15_000, interval: 20 };
const good = (kind: CommandKind): Outcome => ({ ok: true, data: goodAnswers[kind] });

/** Migrates `shop` to a target with these answers, to its end. */
async function migrateTo(ofTarget: (kind: CommandKind) => Outcome) {
  const rig = await fleet(ofTarget);
  const { body } = await rig.migrate();
  const view = await vi.waitFor(async () => {
    const shown = await rig.show(body.id);
    expect(['failed', 'completed', 'needs_attention'], JSON.stringify(shown)).toContain(shown.status);
    return shown;
  }, ending);
  // What it said can be read by those who read the API.
  migrationView.parse(view);
  return { ...rig, view };
}

describe('answers in the form of good ones', () => {
  const kinds: CommandKind[] = ['prepare_target', 'receive_volumes', 'receive_project', 'deploy', 'verify_health'];
  const cases = kinds.flatMap((kind) =>
    worst(goodAnswers[kind])
      .filter(({ value }) => JSON.stringify(value) !== JSON.stringify(goodAnswers[kind]))
      .map(({ name, value }) => [kind, name, value] as const),
  );
  it.each(cases)('B32 %s with %s: the source has the stack again, or was told that it moved', async (liar, _, data) => {
    const { view, told } = await migrateTo((kind) => (kind === liar ? { ok: true, data } : good(kind)));
    if (view.status === 'completed') return;
    expect(view.status).toBe('failed');
    await vi.waitFor(() => expect(told.a.includes('stop_stack')).toBe(told.a.at(-1) === 'restore_source'), ending);
  });

  it('B32 answers that would fill the record of the migration do not keep the stack from coming back', async () => {
    const filler = (chars: number) => Array.from({ length: chars / 4_000 }, () => 'x'.repeat(4_000));
    const proofs = (goodAnswers.receive_volumes as { proofs: { lane: string }[] }).proofs;
    const big: { [K in CommandKind]?: unknown } = {
      prepare_target: { volumes: filler(600_000) },
      receive_volumes: { proofs: [...proofs, ...filler(600_000).map((lane) => ({ ...proofs[0], lane }))] },
      receive_project: { proof: { ...(goodAnswers.receive_project as { proof: object }).proof, lane: 'project' } },
      deploy: { containers: filler(600_000).map((id) => ({ id, service: 'web' })) },
    };
    const { view, told, a, token } = await migrateTo((kind) => ({ ok: true, data: big[kind] ?? goodAnswers[kind] }));
    expect(view).toMatchObject({ status: 'failed', failure: { code: 'command_failed' } });
    expect(view.failure.message).toContain('longer than');
    await vi.waitFor(() => expect(told.a.at(-1)).toBe('restore_source'), ending);
    expect((await call('GET', '/api/v1/stacks/shop', { token })).body.host_id).toBe(a.id);
    const row = await env.DB.prepare('SELECT length(saga) + length(report) AS chars FROM migration').first();
    expect(row?.chars).toBeLessThan(1_500_000);
  });
});

import { describe, expect, it } from 'vitest';
import { advance } from '../../worker/saga/migration/advance.ts';
import { announcements, migrationData } from '../../worker/saga/migration/announcements.ts';
import type { SagaEvent } from '../../worker/saga/migration/events.ts';
import type { MigrationRow } from '../../worker/saga/migration/ports.ts';
import { failure, rollbackAt, rollbackKinds, type Story, storyAt } from './story.ts';

const idOf = ({ saga }: Story, wanted: string) => saga.awaiting.find(({ kind }) => kind === wanted)?.id ?? '';

/** What is announced by the next event. */
function told(story: Story, event: SagaEvent) {
  const next = advance(story.saga, event, story.now)!;
  const { status, source, target } = next.saga;
  const row = { ...rowOf(story), status, saga: next.saga, source_host_id: source, target_host_id: target };
  return {
    types: announcements(story.saga.status, next),
    use: migrationData(row as MigrationRow, new Map()).clients_use,
  };
}
const rowOf = ({ saga }: Story) => ({ id: saga.id, stack_id: 's', stack_name: 'shop', created_at: 0, ended_at: null });

describe('clients are told where to go', () => {
  it('with the completion: to the target', () => {
    const story = storyAt('verifying');
    const { types, use } = told(story, {
      type: 'command_done',
      command_id: idOf(story, 'verify_health'),
      data: { services: [], lease_until: null },
    });
    expect(types).toEqual(['migration.completed', 'migration.cutover']);
    expect(use).toEqual({ id: 'host_b', name: 'host_b' });
  });

  it('with a rollback: back to the source', () => {
    const story = rollbackAt('verify_source');
    const { types, use } = told(story, {
      type: 'command_done',
      command_id: idOf(story, 'verify_source'),
      data: { services: [], lease_until: null },
    });
    expect(types).toEqual(['migration.rolled_back', 'migration.cutover']);
    expect(use).toMatchObject({ id: 'host_a' });
  });

  it('not by a rollback that fails, nor by a migration that does', () => {
    const back = rollbackAt(rollbackKinds[1]);
    back.refuse('halt_target');
    const restored = told(back, {
      type: 'command_done',
      command_id: idOf(back, 'resume_target'),
      data: { running: [] },
    });
    expect(restored.types).toEqual([]);
    const failing = storyAt('reverting');
    failing.answer('stop_target');
    const undone = told(failing, {
      type: 'command_done',
      command_id: idOf(failing, 'restore_source'),
      data: { running: [] },
    });
    expect(undone).toEqual({ types: ['migration.failed'], use: null });
    expect(failure.code).toBe('command_failed');
  });
});

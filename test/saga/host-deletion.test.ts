import { describe, expect, it } from 'vitest';
import { activeStatuses } from '../../schema/migration-status.ts';
import { hostDeletionRefusal } from '../../worker/saga/migration/host-deletion.ts';
import { isPurged, rollbackRefusal } from '../../worker/saga/migration/safety-window.ts';
import { type Story, storyAt } from './story.ts';

const awaitedKinds = ({ saga }: Story) => saga.awaiting.map(({ kind }) => kind);
const armed = (): Story => {
  const story = storyAt('completed');
  story.answer('arm_target');
  return story;
};
const deleteHost = (story: Story, host: string) => story.feed({ type: 'host_deleted', host });

describe('C4 a host is deleted from the fleet', () => {
  it.each(activeStatuses)('C4: neither host of a migration that is %s may be deleted', (status) => {
    const story = storyAt(status);
    for (const host of ['host_a', 'host_b']) {
      expect(hostDeletionRefusal(story.saga, host)?.code).toBe('host_busy');
      expect(deleteHost(story, host)).toBe(false);
    }
    expect(hostDeletionRefusal(story.saga, 'host_c')).toBeNull();
  });

  it('C4: a host may not be deleted before the stack has its restart policies back', () => {
    const story = storyAt('completed');
    expect(hostDeletionRefusal(story.saga, 'host_b')?.code).toBe('host_busy');
    expect(deleteHost(story, 'host_b')).toBe(false);
    story.answer('arm_target');
    expect(hostDeletionRefusal(story.saga, 'host_b')).toBeNull();
  });

  it('C4: a kept copy counts as settled when its host is deleted: no reminder, no rollback', () => {
    const story = armed();
    expect(awaitedKinds(story)).toEqual(['retain_source']);
    expect(deleteHost(story, 'host_a')).toBe(true);
    expect(awaitedKinds(story)).toEqual([]);
    expect(story.saga.window?.source_purge).toMatchObject({ done_at: story.now, host_deleted: true });
    expect(rollbackRefusal(story.saga, story.now)?.code).toBe('source_purged');
    story.now += 4_000_000;
    expect(story.feed({ type: 'remind', per_minute: null })).toBe(false);
    expect(deleteHost(story, 'host_a')).toBe(false);
  });

  it('C4: what a failed migration still owes to the target ends with that host', () => {
    const story = storyAt('failed');
    story.refuse('cleanup_target');
    expect(story.saga.retry).toEqual(['cleanup_target']);
    expect(deleteHost(story, 'host_b')).toBe(true);
    expect(story.saga).toMatchObject({ retry: [], awaiting: [], deadline_at: null });
  });

  it('C4: what a rolled back migration left on the target counts as settled when that host is deleted', () => {
    const story = storyAt('rolled_back');
    story.answer('arm_source');
    expect(deleteHost(story, 'host_b')).toBe(true);
    expect(isPurged(story.saga.window, 'target')).toBe(true);
  });
});

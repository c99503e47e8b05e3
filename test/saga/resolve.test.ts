import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { statuses } from '../../schema/migration-status.ts';
import { type Resolution, resolutions } from '../../schema/saga.ts';
import { hostDeletionRefusal } from '../../worker/saga/migration/host-deletion.ts';
import { resolutionRefusal } from '../../worker/saga/migration/resolutions.ts';
import { rollbackAt, type Story, storyAt } from './story.ts';

const awaitedKinds = ({ saga }: Story) => saga.awaiting.map(({ kind }) => kind);
const resolve = (story: Story, resolution: Resolution) => story.feed({ type: 'resolve', resolution });
const offered = ({ saga }: Story) => saga.attention?.resolutions?.map(({ resolution }) => resolution);

/** A migration that failed at this step and whose source does not come back. */
function sourceGone(at: 'transferring' | 'verifying'): Story {
  const story = storyAt(at);
  story.feed({ type: 'cancel' });
  story.answer('stop_target');
  story.feed({ type: 'agent_lost', host: 'host_a' });
  expect(story.saga.status).toBe('needs_attention');
  return story;
}

/** One whose target answers that it cannot stop its copy. */
function targetUnstoppable(): Story {
  const story = storyAt('verifying');
  story.feed({ type: 'cancel' });
  for (let tries = 0; tries < limits.undo.triesMax; tries++) {
    story.refuse('stop_target');
    story.pass(limits.undo.retryMs);
  }
  expect(story.saga.status).toBe('needs_attention');
  return story;
}

/** A rollback that failed after the target was halted, and whose target does not come back. */
function haltedTargetGone(): Story {
  const story = rollbackAt('revive_source');
  story.refuse('revive_source');
  story.answer('stop_source');
  story.feed({ type: 'agent_lost', host: 'host_b' });
  expect(story.saga.status).toBe('needs_attention');
  return story;
}

describe('C3 every wait has a way out', () => {
  it('C3: a source that is lost for good: the proven target is started, verified, and completed', () => {
    const story = sourceGone('verifying');
    const { epoch } = story.saga;
    expect(offered(story)).toEqual(['source_lost', 'give_up']);
    expect(resolve(story, 'source_lost')).toBe(true);
    expect(story.saga).toMatchObject({ status: 'deploying', epoch: epoch + 1, failure: null, attention: null });
    story.answer('deploy');
    story.answer('verify_health');
    expect(story.saga.status).toBe('completed');
    // Should it come back, it stops what it may have started.
    expect(awaitedKinds(story)).toEqual(['arm_target', 'stop_stack', 'retain_source']);
  });

  it('C3: a source that is lost before all of its data arrived is not replaced by half of it', () => {
    const story = sourceGone('transferring');
    expect(offered(story)).toEqual(['give_up']);
    expect(resolve(story, 'source_lost')).toBe(false);
    expect(resolutionRefusal(story.saga, 'source_lost')?.message).toContain('does not have all of the data');
  });

  it('C3: a target that could not be stopped and is lost: the source starts after the last lease', () => {
    const story = targetUnstoppable();
    expect(offered(story)).toEqual(['source_lost', 'target_lost', 'give_up']);
    expect(resolve(story, 'target_lost')).toBe(true);
    const leased_until = story.now + 10_000;
    story.feed({ type: 'overdue', leased_until });
    expect(awaitedKinds(story)).toEqual([]);
    story.now = leased_until + limits.lease.marginMs;
    story.feed({ type: 'overdue', leased_until });
    expect(awaitedKinds(story)).toEqual(['restore_source']);
    story.answer('restore_source');
    expect(story.saga.status).toBe('cancelled');
  });

  it('C3: a halted target that is lost in a rollback: the source is started and verified', () => {
    const story = haltedTargetGone();
    expect(offered(story)).toEqual(['target_lost', 'give_up']);
    expect(resolve(story, 'target_lost')).toBe(true);
    story.answer('check_retained');
    story.pass(limits.lease.leaseMs + limits.lease.marginMs);
    story.answer('revive_source');
    story.answer('verify_source');
    expect(story.saga).toMatchObject({ status: 'rolled_back', attention: null });
    expect(awaitedKinds(story)).toEqual(['arm_source', 'halt_target']);
  });

  it('C3: a target that dies for good after completion: the kept source is started without asking it', () => {
    const story = storyAt('completed');
    story.answer('arm_target');
    story.answer('retain_source');
    expect(resolve(story, 'source_lost')).toBe(false);
    expect(resolve(story, 'target_lost')).toBe(true);
    story.answer('check_retained');
    expect(awaitedKinds(story)).toEqual([]);
    const leased_until = story.now + limits.lease.leaseMs + 20_000;
    story.now += limits.lease.leaseMs + limits.lease.marginMs;
    story.feed({ type: 'overdue', leased_until });
    expect(awaitedKinds(story)).toEqual([]);
    story.now = leased_until + limits.lease.marginMs;
    story.feed({ type: 'overdue', leased_until });
    expect(awaitedKinds(story)).toEqual(['revive_source']);
  });

  it('C3: a source that dies for good after a rollback: the target runs again', () => {
    const story = storyAt('rolled_back');
    story.answer('arm_source');
    expect(resolve(story, 'source_lost')).toBe(true);
    story.pass(limits.lease.leaseMs + limits.lease.marginMs);
    expect(awaitedKinds(story)).toEqual(['resume_target']);
    story.answer('resume_target');
    expect(story.saga.status).toBe('completed');
    expect(awaitedKinds(story)).toEqual(['stop_source', 'stop_stack', 'retain_source']);
  });

  it.each([
    ['a lost source', sourceGone('verifying')],
    ['an unstoppable target', targetUnstoppable()],
    ['a failed rollback', haltedTargetGone()],
  ])('C3: giving up on %s frees stack and hosts, touches nothing, and says what is where', (_, story) => {
    const sent = story.sent.length;
    expect(resolve(story, 'give_up')).toBe(true);
    expect(story.saga).toMatchObject({ status: 'failed', awaiting: [], retry: [], deadline_at: null, undo: null });
    expect(story.saga.failure).toMatchObject({ code: 'given_up', message: expect.stringContaining('on the target:') });
    expect(story.sent).toHaveLength(sent);
    for (const host of ['host_a', 'host_b']) expect(hostDeletionRefusal(story.saga, host)).toBeNull();
  });

  it('C3: where nothing waits for a decision none is taken', () => {
    for (const status of statuses)
      for (const resolution of resolutions) {
        const story = storyAt(status);
        const allowed = resolutionRefusal(story.saga, resolution) === null;
        expect(resolve(story, resolution), `${status} ${resolution}`).toBe(allowed);
        if (!['needs_attention', 'completed', 'rolled_back'].includes(status)) expect(allowed).toBe(false);
      }
  });
});

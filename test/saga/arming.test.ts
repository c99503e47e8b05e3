import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { grantsLease } from '../../worker/saga/migration/lease-grant.ts';
import { purgeRefusal, rollbackRefusal } from '../../worker/saga/migration/safety-window.ts';
import { failure, rollbackAt, rollbackKinds, type Story, storyAt } from './story.ts';

const awaitedKinds = ({ saga }: Story) => saga.awaiting.map(({ kind }) => kind);
const expired = { code: 'lease_expired' as const, message: 'The lease has lapsed.', log_tail: [] };
const proof = (lease_until: number) => ({ services: [], lease_until });

/** Fails what is awaited with this, as its host answered it. */
function fail(story: Story, kind: string, why: typeof failure | typeof expired = failure): void {
  const id = story.saga.awaiting.find((command) => command.kind === kind)?.id ?? 'unknown';
  expect(story.feed({ type: 'command_failed', command_id: id, failure: why })).toBe(true);
}

describe('C1 a terminal state is committed only for a stack that runs', () => {
  it('C1: health that was proven under a lease which is over is proven again before it completes', () => {
    const story = storyAt('verifying');
    story.now = 60_000;
    story.answer('verify_health', proof(story.now));
    expect(story.saga.status).toBe('verifying');
    expect(awaitedKinds(story)).toEqual(['verify_health']);
    story.answer('verify_health', proof(story.now + 40_000));
    expect(story.saga.status).toBe('completed');
  });

  it('C1: the end must be written while the lease lasts', () => {
    const story = storyAt('verifying');
    story.answer('verify_health', proof(story.now + 40_000));
    expect(story.commitBy).toBe(story.now + 40_000 - limits.lease.commitMarginMs);
    const back = rollbackAt('verify_source');
    back.answer('verify_source', proof(back.now + 40_000));
    expect(back.saga.status).toBe('rolled_back');
    expect(back.commitBy).toBe(back.now + 40_000 - limits.lease.commitMarginMs);
  });

  it('C1: a target whose lease ran out while it was verified is started there again, not moved back', () => {
    const story = storyAt('verifying');
    fail(story, 'verify_health', expired);
    expect(story.saga.status).toBe('deploying');
    expect(awaitedKinds(story)).toEqual(['deploy']);
    story.answer('deploy');
    story.answer('verify_health', proof(story.now + 40_000));
    expect(story.saga.status).toBe('completed');
  });

  it('C1: a control plane that is away each time sends the stack home in the end', () => {
    const story = storyAt('verifying');
    for (let tries = 0; tries <= limits.lease.lateProofsMax; tries++) {
      expect(story.saga.status).toBe('verifying');
      fail(story, 'verify_health', expired);
      story.answer('deploy');
    }
    expect(story.saga.status).toBe('reverting');
    const late = storyAt('verifying');
    for (let tries = 0; tries <= limits.lease.lateProofsMax; tries++) late.answer('verify_health', proof(late.now));
    expect(late.saga).toMatchObject({ status: 'reverting', failure: { code: 'lease_expired' } });
  });

  it('C1: a rollback proves its source again in the same way', () => {
    const story = rollbackAt('verify_source');
    story.answer('verify_source', proof(story.now));
    expect(awaitedKinds(story)).toEqual(['verify_source']);
    fail(story, 'verify_source', expired);
    expect(awaitedKinds(story)).toEqual(['revive_source']);
    story.answer('revive_source');
    story.answer('verify_source', proof(story.now + 40_000));
    expect(story.saga.status).toBe('rolled_back');
  });
});

describe('C1 a completed migration whose target does not start its stack', () => {
  const failing = (): Story => {
    const story = storyAt('completed');
    for (let tries = 0; tries < limits.undo.triesMax; tries++) {
      fail(story, 'arm_target');
      story.pass(limits.undo.retryMs);
    }
    return story;
  };

  it('C1: needs attention after its tries, with what can be decided, and goes on trying', () => {
    const story = failing();
    expect(story.saga).toMatchObject({ status: 'needs_attention', attention: { why: 'it broke' } });
    expect(story.saga.attention?.resolutions?.map(({ resolution }) => resolution)).toEqual(['target_lost', 'give_up']);
    expect(grantsLease(story.saga, 'host_b', story.saga.epoch)).toBe(true);
    expect(purgeRefusal(story.saga, 'source')).not.toBeNull();
    story.now = story.saga.deadline_at ?? 0;
    story.pass(0);
    expect(awaitedKinds(story)).toContain('arm_target');
    story.answer('arm_target');
    expect(story.saga).toMatchObject({ status: 'completed', attention: null, arming: null, deadline_at: null });
  });

  it('C1: needs attention when its target is silent', () => {
    const story = storyAt('completed');
    story.pass(limits.step.armingMsMax - 1);
    expect(story.saga.status).toBe('completed');
    story.pass(1);
    expect(story.saga.status).toBe('needs_attention');
    story.answer('arm_target');
    expect(story.saga.status).toBe('completed');
  });

  it('C1: a retry asks the target at once, and with all its tries', () => {
    const story = failing();
    expect(story.feed({ type: 'retry', stopped: false })).toBe(true);
    expect(awaitedKinds(story).filter((kind) => kind === 'arm_target')).toHaveLength(1);
    expect(story.saga.arming?.tries).toBe(0);
  });

  it.each([
    ['before its window closes', 0],
    ['and after it', 3_600_001],
  ])('C1: can be rolled back %s', (_, later) => {
    const story = failing();
    story.now += later;
    expect(rollbackRefusal(story.saga, story.now)).toBeNull();
    expect(story.feed({ type: 'rollback' })).toBe(true);
    for (const kind of rollbackKinds) story.answer(kind);
    expect(story.saga).toMatchObject({ status: 'rolled_back', attention: null });
  });

  it('C1: a rollback from there that fails arms the target, whose containers it found stopped', () => {
    const story = failing();
    story.feed({ type: 'rollback' });
    story.answer('check_retained');
    story.answer('halt_target');
    fail(story, 'revive_source');
    story.answer('stop_source');
    expect(awaitedKinds(story)).toEqual(['arm_target']);
    story.answer('arm_target');
    expect(story.saga).toMatchObject({ status: 'completed', undo: null });
  });

  it('C1: a rollback from there that finds the source wanting tries the target again', () => {
    const story = failing();
    story.feed({ type: 'rollback' });
    expect(grantsLease(story.saga, 'host_b', story.saga.epoch)).toBe(true);
    fail(story, 'check_retained');
    expect(awaitedKinds(story)).toEqual(['arm_target']);
  });

  it('C1: a rolled back migration whose source does not start its stack needs attention too', () => {
    const story = storyAt('rolled_back');
    for (let tries = 0; tries < limits.undo.triesMax; tries++) {
      fail(story, 'arm_source');
      story.pass(limits.undo.retryMs);
    }
    expect(story.saga.status).toBe('needs_attention');
    expect(grantsLease(story.saga, 'host_a', story.saga.epoch)).toBe(true);
    story.now = story.saga.deadline_at ?? 0;
    story.pass(0);
    story.answer('arm_source');
    expect(story.saga.status).toBe('rolled_back');
  });
});

import { describe, expect, it } from 'vitest';
import { grantsLease } from '../../worker/saga/migration/lease-grant.ts';
import { purgeRefusal, rollbackRefusal, windowMsOf } from '../../worker/saga/migration/safety-window.ts';
import { failure, rollbackAt, rollbackKinds, type Story, startRollback, storyAt } from './story.ts';

const awaitedKinds = ({ saga }: Story) => saga.awaiting.map(({ kind }) => kind);
const windowMs = 3_600_000;

function completed(): Story {
  const story = storyAt('completed');
  story.answer('arm_target');
  story.answer('retain_source');
  return story;
}

describe('a rollback on a good day', () => {
  it('checks the source, halts the target, revives the source, proves it, and only then is rolled back', () => {
    const story = completed();
    const epoch = story.saga.epoch;
    expect(story.feed({ type: 'rollback' })).toBe(true);
    for (const kind of rollbackKinds) {
      expect(story.saga.status).toBe('rolling_back');
      expect(awaitedKinds(story)).toEqual([kind]);
      story.answer(kind);
    }
    expect(story.saga).toMatchObject({ status: 'rolled_back', epoch: epoch + 1 });
    expect(awaitedKinds(story)).toEqual(['arm_source']);
  });

  it('a second request while it runs changes nothing', () => {
    expect(rollbackAt('halt_target').feed({ type: 'rollback' })).toBe(false);
  });
});

describe('a kept copy that somebody started', () => {
  const payloadOf = (story: Story, kind: string) => story.sent.findLast((command) => command.kind === kind)?.payload;

  it('F45 is reported to the purge, even if it was stopped again', () => {
    const story = completed();
    story.feed({ type: 'copy_seen', running: true });
    story.feed({ type: 'copy_seen', running: false });
    story.feed({ type: 'purge', side: 'source' });
    expect(payloadOf(story, 'purge_source')).toMatchObject({ copy_ran: true });
  });

  it('F45 does not count for the other copy after a rollback', () => {
    const story = completed();
    story.feed({ type: 'copy_seen', running: true });
    story.feed({ type: 'rollback' });
    for (const kind of rollbackKinds) story.answer(kind);
    story.answer('arm_source');
    story.feed({ type: 'purge', side: 'target' });
    expect(payloadOf(story, 'purge_target')).toMatchObject({ copy_ran: false });
  });
});

describe('a rollback that fails puts the target back', () => {
  it('touches nothing when what the source kept is not whole', () => {
    const story = rollbackAt('check_retained');
    story.refuse('check_retained');
    expect(story.saga).toMatchObject({ status: 'completed', rollback: { failure: { phase: 'checking' } } });
    expect(story.sent.map(({ kind }) => kind)).not.toContain('halt_target');
    expect(awaitedKinds(story)).toEqual(['retain_source']);
  });

  it('resumes the target without asking the source when that never started', () => {
    const story = rollbackAt('halt_target');
    story.refuse('halt_target');
    expect(awaitedKinds(story)).toEqual(['resume_target']);
    story.answer('resume_target');
    expect(story.saga.status).toBe('completed');
  });

  it('F32 stops an unhealthy source before the target runs again, and can be requested again', () => {
    const story = rollbackAt('verify_source');
    story.refuse('verify_source');
    expect(awaitedKinds(story)).toEqual(['stop_source']);
    story.answer('stop_source');
    expect(awaitedKinds(story)).toEqual(['resume_target']);
    story.answer('resume_target');
    expect(story.saga).toMatchObject({ status: 'completed', rollback: { failure: { phase: 'proving' } } });
    story.answer('retain_source');
    expect(story.feed({ type: 'rollback' })).toBe(true);
    expect(story.saga.rollback?.failure).toBeNull();
  });

  it('F43 waits for a silent source’s lease and margin before the target runs again', () => {
    const story = rollbackAt('verify_source');
    story.feed({ type: 'agent_lost', host: 'host_a' });
    story.pass(74_999);
    expect(awaitedKinds(story)).toEqual(['stop_source']);
    story.pass(1);
    expect(awaitedKinds(story)).toEqual(['resume_target']);
  });

  it('F12 needs attention when the halted target is gone, and is completed again when it is back', () => {
    const story = rollbackAt('halt_target');
    story.feed({ type: 'agent_lost', host: 'host_b' });
    story.feed({ type: 'agent_lost', host: 'host_b' });
    expect(story.saga.status).toBe('needs_attention');
    expect(story.saga.attention?.todo).toContain('target host');
    story.answer('resume_target');
    expect(story.saga).toMatchObject({ status: 'completed', attention: null });
  });
});

describe('who may run under a lease', () => {
  it('the target on the way out and until it is armed; the source while a rollback revives it; nobody once it turns back', () => {
    const leases = ({ saga }: Story) => ['host_a', 'host_b'].filter((host) => grantsLease(saga, host, saga.epoch));
    expect(leases(storyAt('transferring'))).toEqual([]);
    expect(leases(storyAt('deploying'))).toEqual(['host_b']);
    expect(leases(storyAt('completed'))).toEqual(['host_b']);
    expect(leases(storyAt('reverting'))).toEqual([]);
    expect(leases(rollbackAt('halt_target'))).toEqual([]);
    expect(leases(rollbackAt('revive_source'))).toEqual(['host_a']);
    expect(leases(storyAt('rolled_back'))).toEqual(['host_a']);
    const back = rollbackAt('verify_source');
    back.refuse('verify_source');
    expect(leases(back)).toEqual([]);
  });

  it('F9 no lease for an older epoch', () => {
    const { saga } = storyAt('deploying');
    expect(grantsLease(saga, 'host_b', saga.epoch - 1)).toBe(false);
  });
});

describe('B16 what the window refuses', () => {
  it.each([
    ['before completion', storyAt('verifying'), 0, 'migration_not_completed'],
    ['after a failure', storyAt('failed'), 0, 'migration_not_completed'],
    ['when it is rolled back already', storyAt('rolled_back'), 0, 'migration_not_completed'],
    ['the moment the window closes', completed(), windowMs, 'window_closed'],
  ])('a rollback %s', (_, story, later, code) => {
    expect(rollbackRefusal(story.saga, story.now + later)?.code).toBe(code);
    story.now += later;
    expect(story.feed({ type: 'rollback' })).toBe(false);
  });

  it('F36 a rollback in the last millisecond of the window is taken', () => {
    const story = completed();
    story.now += windowMs - 1;
    expect(story.feed({ type: 'rollback' })).toBe(true);
  });

  it('F36 of purge and rollback the first wins: no rollback after a purge began, no purge while rolling back', () => {
    const purged = completed();
    expect(purged.feed({ type: 'purge', side: 'source' })).toBe(true);
    expect(rollbackRefusal(purged.saga, purged.now)?.code).toBe('source_purged');
    expect(purged.feed({ type: 'rollback' })).toBe(false);
    const rolling = rollbackAt('check_retained');
    expect(purgeRefusal(rolling.saga, 'source')?.code).toBe('migration_not_completed');
    expect(rolling.feed({ type: 'purge', side: 'source' })).toBe(false);
  });

  it('a purge of the source before completion, of the target before a rollback', () => {
    expect(purgeRefusal(storyAt('verifying').saga, 'source')?.code).toBe('migration_not_completed');
    expect(purgeRefusal(storyAt('completed').saga, 'target')?.code).toBe('migration_not_rolled_back');
    expect(purgeRefusal(storyAt('completed').saga, 'source')?.code).toBe('target_unreachable');
    const rolledBack = storyAt('rolled_back');
    expect(purgeRefusal(rolledBack.saga, 'target')?.code).toBe('host_offline');
    rolledBack.answer('arm_source');
    expect(purgeRefusal(rolledBack.saga, 'target')).toBeNull();
  });
});

describe('a purge', () => {
  it('says which directories stay with what the migration left out, and is done', () => {
    const story = completed();
    story.feed({ type: 'purge', side: 'source' });
    story.answer('purge_source', { removed: [], remaining: [], left_out: ['/srv/media'] });
    expect(story.saga.window?.source_purge).toMatchObject({ done_at: story.now, left_out: ['/srv/media'] });
    expect(story.events.at(-1)).toMatchObject({
      data: {
        message: 'what was kept on the source is deleted, except what the migration left out',
        left_out: ['/srv/media'],
      },
    });
  });

  it('names what could not be deleted, and a repeat tries that again', () => {
    const story = completed();
    story.feed({ type: 'purge', side: 'source' });
    expect(story.feed({ type: 'purge', side: 'source' })).toBe(false);
    const remaining = [{ what: 'volume shop_data', why: 'in use' }];
    story.answer('purge_source', { removed: [], remaining });
    expect(story.saga.window?.source_purge).toMatchObject({ done_at: null, remaining });
    expect(awaitedKinds(story)).toEqual([]);
    expect(story.feed({ type: 'purge', side: 'source' })).toBe(true);
    story.answer('purge_source');
    expect(story.saga.window?.source_purge).toMatchObject({ done_at: story.now, remaining: [] });
    expect(story.feed({ type: 'purge', side: 'source' })).toBe(false);
  });

  it('that the host refuses is told, and is not tried again by itself', () => {
    const story = completed();
    story.feed({ type: 'purge', side: 'source' });
    story.refuse('purge_source');
    expect(story.saga.window?.source_purge?.remaining).toEqual([{ what: 'all', why: failure.message }]);
    expect(story.saga.deadline_at).toBeNull();
  });
});

describe('the reminder', () => {
  it('is given once, when the window has passed, and not while it is open', () => {
    const story = completed();
    expect(story.feed({ type: 'remind', per_minute: null })).toBe(false);
    story.now += windowMs;
    expect(story.feed({ type: 'remind', per_minute: null })).toBe(true);
    expect(story.feed({ type: 'remind', per_minute: null })).toBe(false);
  });

  it('is not given for a source that was deleted, nor for a migration that was rolled back', () => {
    const purged = completed();
    purged.feed({ type: 'purge', side: 'source' });
    purged.answer('purge_source');
    const home = storyAt('rolled_back');
    for (const story of [purged, home]) {
      story.now += windowMs;
      expect(story.feed({ type: 'remind', per_minute: null })).toBe(false);
    }
  });
});

describe('an operator’s retry', () => {
  const stuck = () => {
    const story = storyAt('verifying');
    story.feed({ type: 'cancel' });
    for (let i = 0; i < 5; i++) {
      story.refuse('stop_target');
      story.pass(5_000);
    }
    return story;
  };

  it('F35 tells what is where and what to do, and tries again at once', () => {
    const story = stuck();
    expect(story.saga.status).toBe('needs_attention');
    expect(story.saga.attention).toMatchObject({ source: expect.stringContaining('stopped') });
    expect(story.feed({ type: 'retry', stopped: false })).toBe(true);
    expect(story.saga).toMatchObject({ status: 'reverting', attention: null });
    expect(awaitedKinds(story)).toEqual(['stop_target']);
    story.pass(10_000_000);
    expect(story.sent.map(({ kind }) => kind)).not.toContain('restore_source');
  });

  it('starts the source on the operator’s word that the target is stopped for good', () => {
    const story = stuck();
    expect(story.feed({ type: 'retry', stopped: true })).toBe(true);
    expect(awaitedKinds(story)).toEqual(['restore_source']);
    story.answer('restore_source');
    expect(story.saga.status).toBe('cancelled');
  });

  it('changes nothing where nothing waits for a person', () => {
    expect(storyAt('transferring').feed({ type: 'retry', stopped: false })).toBe(false);
    expect(startRollback(storyAt('completed'))).toBe(true);
    expect(rollbackAt('verify_source').feed({ type: 'retry', stopped: true })).toBe(false);
  });
});

describe('the kept copy', () => {
  it('F45 is told of once each time it comes up, and never stopped by itself', () => {
    const story = completed();
    const sent = story.sent.length;
    expect(story.feed({ type: 'copy_seen', running: true })).toBe(true);
    expect(story.feed({ type: 'copy_seen', running: true })).toBe(false);
    expect(story.feed({ type: 'copy_seen', running: false })).toBe(true);
    expect(story.sent.length).toBe(sent);
  });
});

describe('SAFETY_WINDOW_HOURS', () => {
  it('is 72 hours unless set, takes fractions, and refuses nonsense', () => {
    expect(windowMsOf(undefined)).toBe(72 * 3_600_000);
    expect(windowMsOf('0.001')).toBe(3_600);
    for (const bad of ['soon', '-1', 'Infinity', '99999999'])
      expect(() => windowMsOf(bad)).toThrow('SAFETY_WINDOW_HOURS');
  });
});

import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { activeStatuses, type Status, statuses, steps, terminalStatuses } from '../../schema/migration-status.ts';
import type { SagaEvent } from '../../worker/saga/migration/events.ts';
import { failure, type newStory, plan, rollbackAt, storyAt } from './story.ts';

const kindsSent = (story: ReturnType<typeof newStory>) => story.sent.map(({ kind }) => kind);

describe('a migration on a good day', () => {
  it('sends the commands of each step together and ends completed', () => {
    const story = storyAt('completed');
    expect(kindsSent(story)).toEqual([
      'prepare_source',
      'prepare_target',
      'stop_stack',
      'send_volumes',
      'receive_volumes',
      'send_project',
      'receive_project',
      'deploy',
      'verify_health',
      'arm_target',
      'retain_source',
    ]);
    expect(story.saga.status).toBe('completed');
    expect(story.saga.epoch).toBe(1);
    for (const step of steps.slice(1)) expect(story.saga.steps[step]?.ended_at, step).not.toBeNull();
  });

  it('waits for both sides before a step ends', () => {
    const story = storyAt('transferring');
    story.answer('receive_volumes');
    expect(story.saga.status).toBe('transferring');
    story.answer('send_volumes');
    expect(story.saga.status).toBe('shipping');
  });

  it('starts the target only after the source said that it is stopped', () => {
    const story = storyAt('stopping');
    expect(kindsSent(story)).not.toContain('deploy');
    const stopped = storyAt('deploying');
    expect(stopped.saga.results.stop_stack).toBeDefined();
  });
});

describe('a healthcheck that is slow to decide', () => {
  /** The command that verifies, where the file's healthchecks take so long; 60 s were asked for. */
  const verified = (story: ReturnType<typeof newStory>, before: 'deploy' | 'revive_source', health_wait_s: number) => {
    story.saga.plan = { ...plan, health_wait_s };
    story.answer(before);
    return story.sent.at(-1);
  };

  it('R32: is waited for on either host, though less was asked for', () => {
    const story = storyAt('deploying');
    expect(verified(story, 'deploy', 990)).toMatchObject({ kind: 'verify_health', payload: { timeout_s: 990 } });
    story.pass(990_000);
    expect(story.saga.status).toBe('verifying');
    story.pass(limits.health.answerMsMax);
    expect(story.saga.status).toBe('reverting');

    const back = rollbackAt('revive_source');
    expect(verified(back, 'revive_source', 990)).toMatchObject({ kind: 'verify_source', payload: { timeout_s: 990 } });
    back.pass(990_000);
    expect(back.saga.undo).toBeNull();
    back.pass(limits.health.answerMsMax);
    expect(back.saga.undo).not.toBeNull();
  });

  it('R32: services that start only once others are healthy have the time of all healthchecks, on either host', () => {
    const story = storyAt('shipping');
    story.saga.plan = { ...plan, start_wait_s: 1_800 };
    for (const { kind } of story.saga.awaiting) story.answer(kind);
    expect(story.saga.status).toBe('deploying');
    expect(story.saga.deadline_at).toBe(story.now + limits.step.deployingMsMax + 1_800_000);

    const back = rollbackAt('halt_target');
    back.saga.plan = { ...plan, start_wait_s: 1_800 };
    back.answer('halt_target');
    expect(back.saga.rollback?.phase).toBe('reviving');
    expect(back.saga.deadline_at).toBe(back.now + limits.step.deployingMsMax + 1_800_000);
  });

  it('R32: a quick one leaves the time that was asked for', () => {
    expect(verified(storyAt('deploying'), 'deploy', 10)).toMatchObject({ payload: { timeout_s: 60 } });
  });
});

describe('every status meets every event', () => {
  const cancelEvent: SagaEvent = { type: 'cancel' };
  const done = (at: Status): SagaEvent => {
    const awaited = storyAt(at).saga.awaiting[0];
    return { type: 'command_done', command_id: awaited?.id ?? 'none', data: { proofs: [], remaining: [], killed: [] } };
  };
  const failed = (at: Status): SagaEvent => {
    const awaited = storyAt(at).saga.awaiting[0];
    return { type: 'command_failed', command_id: awaited?.id ?? 'none', failure };
  };
  const overdue: SagaEvent = { type: 'overdue' };
  const lostSource: SagaEvent = { type: 'agent_lost', host: 'host_a' };
  const lostTarget: SagaEvent = { type: 'agent_lost', host: 'host_b' };
  const passed: SagaEvent = { type: 'preflight_passed', plan };
  const refused: SagaEvent = { type: 'preflight_refused', failure };

  // Status after the event; '=' where the event changes nothing.
  const columns = { done, failed, overdue, lostSource, lostTarget, cancelEvent, passed, refused };
  const table: Record<Status, Record<keyof typeof columns, string>> = {
    // biome-ignore format: a table
    preflight: { done: '=', failed: '=', overdue: 'failed', lostSource: '=', lostTarget: '=', cancelEvent: 'cancelled', passed: 'preparing', refused: 'failed' },
    // biome-ignore format: a table
    preparing: { done: 'preparing', failed: 'failed', overdue: 'failed', lostSource: 'failed', lostTarget: 'failed', cancelEvent: 'cancelled', passed: '=', refused: '=' },
    // biome-ignore format: a table
    holding: { done: 'holding', failed: 'holding', overdue: 'holding', lostSource: 'holding', lostTarget: 'holding', cancelEvent: 'cancelled', passed: '=', refused: '=' },
    // biome-ignore format: a table
    stopping: { done: 'transferring', failed: 'reverting', overdue: 'reverting', lostSource: 'reverting', lostTarget: '=', cancelEvent: 'reverting', passed: '=', refused: '=' },
    // biome-ignore format: a table
    transferring: { done: 'transferring', failed: 'reverting', overdue: 'reverting', lostSource: 'reverting', lostTarget: 'reverting', cancelEvent: 'reverting', passed: '=', refused: '=' },
    // biome-ignore format: a table
    shipping: { done: 'shipping', failed: 'reverting', overdue: 'reverting', lostSource: 'reverting', lostTarget: 'reverting', cancelEvent: 'reverting', passed: '=', refused: '=' },
    // biome-ignore format: a table
    deploying: { done: 'verifying', failed: 'reverting', overdue: 'reverting', lostSource: '=', lostTarget: 'reverting', cancelEvent: 'reverting', passed: '=', refused: '=' },
    // biome-ignore format: a table
    verifying: { done: 'completed', failed: 'reverting', overdue: 'reverting', lostSource: '=', lostTarget: 'reverting', cancelEvent: 'reverting', passed: '=', refused: '=' },
    // biome-ignore format: a table
    reverting: { done: 'reverting', failed: 'reverting', overdue: 'reverting', lostSource: '=', lostTarget: '=', cancelEvent: '=', passed: '=', refused: '=' },
    // biome-ignore format: a table
    needs_attention: { done: 'failed', failed: 'needs_attention', overdue: '=', lostSource: '=', lostTarget: '=', cancelEvent: '=', passed: '=', refused: '=' },
    // biome-ignore format: a table
    completed: { done: 'completed', failed: 'completed', overdue: 'needs_attention', lostSource: '=', lostTarget: '=', cancelEvent: '=', passed: '=', refused: '=' },
    // biome-ignore format: a table
    failed: { done: 'failed', failed: 'failed', overdue: '=', lostSource: '=', lostTarget: '=', cancelEvent: '=', passed: '=', refused: '=' },
    // biome-ignore format: a table
    rolling_back: { done: 'rolling_back', failed: 'completed', overdue: 'completed', lostSource: 'completed', lostTarget: '=', cancelEvent: '=', passed: '=', refused: '=' },
    // biome-ignore format: a table
    rolled_back: { done: 'rolled_back', failed: 'rolled_back', overdue: 'needs_attention', lostSource: '=', lostTarget: '=', cancelEvent: '=', passed: '=', refused: '=' },
    // biome-ignore format: a table
    cancelled: { done: 'cancelled', failed: 'cancelled', overdue: '=', lostSource: '=', lostTarget: '=', cancelEvent: '=', passed: '=', refused: '=' },
  };

  for (const status of statuses) {
    for (const name of Object.keys(columns) as (keyof typeof columns)[]) {
      it(`${status} meets ${name}: ${table[status][name]}`, () => {
        const story = storyAt(status);
        expect(story.saga.status).toBe(status);
        const column = columns[name];
        if (name === 'overdue') story.now = (story.saga.deadline_at ?? story.now) + 1;
        const changed = story.feed(typeof column === 'function' ? column(status) : column);
        expect(changed ? story.saga.status : '=').toBe(table[status][name]);
      });
    }
  }

  it('every status is in exactly one set', () => {
    expect([...activeStatuses, ...terminalStatuses].sort()).toEqual([...statuses].sort());
    expect(new Set(statuses).size).toBe(statuses.length);
  });
});

describe('the way back', () => {
  it('does not touch the source when it was never stopped, and cleans the target', () => {
    const story = storyAt('preparing');
    story.refuse('prepare_target');
    expect(story.saga.status).toBe('failed');
    expect(kindsSent(story)).toEqual(['prepare_source', 'prepare_target', 'cleanup_target']);
  });

  it('restores the source without asking the target when the target never started', () => {
    const story = storyAt('transferring');
    story.refuse('receive_volumes');
    expect(story.saga.awaiting.map(({ kind }) => kind)).toEqual(['restore_source']);
    story.answer('restore_source');
    expect(story.saga.status).toBe('failed');
    expect(story.saga.awaiting.map(({ kind }) => kind)).toEqual(['cleanup_target']);
  });

  it('F43 starts the source only once the target said that it stopped', () => {
    const story = storyAt('verifying');
    story.refuse('verify_health');
    expect(story.saga.awaiting.map(({ kind }) => kind)).toEqual(['stop_target']);
    story.answer('stop_target');
    expect(story.saga.awaiting.map(({ kind }) => kind)).toEqual(['restore_source']);
  });

  it('F43 starts the source when the silent target’s lease has run out with its margin, and not before', () => {
    const story = storyAt('verifying');
    story.feed({ type: 'agent_lost', host: 'host_b' });
    story.pass(74_999);
    expect(kindsSent(story)).not.toContain('restore_source');
    story.pass(1);
    expect(kindsSent(story)).toContain('restore_source');
  });

  it('does not trust the lease of a target that answered that it could not stop', () => {
    const story = storyAt('verifying');
    story.feed({ type: 'cancel' });
    for (let i = 0; i < 8; i++) {
      story.refuse('stop_target');
      story.pass(600_000);
    }
    story.pass(10_000_000);
    expect(story.saga.status).toBe('needs_attention');
    expect(kindsSent(story)).not.toContain('restore_source');
    story.answer('stop_target');
    story.answer('restore_source');
    expect(story.saga.status).toBe('cancelled');
  });

  it('F12 needs attention when the source is gone, and ends failed when it is back', () => {
    const story = storyAt('transferring');
    story.feed({ type: 'agent_lost', host: 'host_a' });
    story.feed({ type: 'agent_lost', host: 'host_a' });
    expect(story.saga.status).toBe('needs_attention');
    story.pass(1e9);
    expect(story.saga.status).toBe('needs_attention');
    story.answer('restore_source');
    expect(story.saga.status).toBe('failed');
  });

  it('F35 tries a failed restore again, then needs attention and goes on trying', () => {
    const story = storyAt('transferring');
    story.refuse('send_volumes');
    for (let i = 0; i < 5; i++) {
      story.refuse('restore_source');
      story.pass(60_000);
    }
    expect(story.saga.status).toBe('needs_attention');
    story.answer('restore_source');
    expect(story.saga.status).toBe('failed');
  });

  it('F9 raises the epoch, so that late commands of the way out are refused', () => {
    const story = storyAt('deploying');
    story.feed({ type: 'cancel' });
    expect(story.sent.at(-1)).toMatchObject({ kind: 'stop_target', epoch: 2 });
  });
});

describe('proof before anything starts on the target', () => {
  const proofs = (sha: string, manifest: string) => ({
    proofs: ['v0', 'v1'].map((lane) => ({ lane, bytes: 10, sha256: sha, manifest_sha256: manifest, entries: 3 })),
  });

  it.each([
    ['other bytes', proofs('b', 'm'), 'digest_mismatch'],
    ['another manifest', proofs('a', 'x'), 'manifest_mismatch'],
    ['no proof', { proofs: [] }, 'digest_mismatch'],
  ])('goes back on %s', (_, received, code) => {
    const story = storyAt('transferring');
    story.answer('send_volumes', proofs('a', 'm'));
    story.answer('receive_volumes', received);
    expect(story.saga.status).toBe('reverting');
    expect(story.saga.failure?.code).toBe(code);
  });
});

describe('what is owed after the end', () => {
  it('F13 keeps the clean-up owed and tries it again when something remains', () => {
    const story = storyAt('failed');
    story.answer('cleanup_target', { removed: [], remaining: [{ what: 'volume shop_data', why: 'in use' }] });
    expect(story.saga.awaiting).toEqual([]);
    story.pass(30_000);
    expect(story.saga.awaiting.map(({ kind }) => kind)).toEqual(['cleanup_target']);
    story.answer('cleanup_target');
    expect(story.saga).toMatchObject({ status: 'failed', awaiting: [], retry: [], deadline_at: null });
  });

  it('F13 says again what remains only when that has changed', () => {
    const story = storyAt('failed');
    const told = () => story.events.filter(({ data }) => 'remaining' in data).length;
    const tryAgain = (what: string) => {
      story.answer('cleanup_target', { removed: [], remaining: [{ what, why: 'in use' }] });
      story.pass(600_000);
      return told();
    };
    expect([tryAgain('volume a'), tryAgain('volume a'), tryAgain('volume b')]).toEqual([1, 1, 2]);
  });

  it('F3 does nothing twice when an answer or an alarm is repeated', () => {
    const story = storyAt('completed');
    const sent = story.sent.length;
    expect(story.feed({ type: 'command_done', command_id: 'mig_1.0009', data: {} })).toBe(false);
    expect(story.feed({ type: 'overdue' })).toBe(false);
    expect(story.sent.length).toBe(sent);
  });
});

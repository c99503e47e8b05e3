import { describe, expect, it } from 'vitest';
import type { SeenContainer } from '../../schema/commands/parts.ts';
import { limits } from '../../schema/limits.ts';
import { announcements } from '../../worker/saga/migration/announcements.ts';
import { cutoverRefusal } from '../../worker/saga/migration/hold.ts';
import { stackChanges } from '../../worker/saga/migration/stack-changes.ts';
import { failure, goodAnswers, holdingStory, newStory, plan, roundOf, type Story } from './story.ts';

const awaited = ({ saga }: Story) => saga.awaiting.map(({ kind }) => kind);
const rounds = ['pass_source', 'pass_target'];
const seen = (...running: string[]): SeenContainer[] =>
  running.map((id) => ({ id, service: id.slice(0, -1), state: 'running' }));
/** Answers the round that is under way. */
function pass(story: Story, over: { bytes?: number; containers?: SeenContainer[]; forgotten?: boolean } = {}): void {
  const round = story.saga.held?.rounds ?? 0;
  const passages = roundOf(round).map((one) => ({ ...one, bytes: over.bytes ?? 1 }));
  const passes = [{ volume: 'shop_data', bytes: over.forgotten ? [] : [1], ms: [] }];
  story.answer('pass_source', { passages, passes, ms: 1_400, containers: over.containers ?? [] });
  story.answer('pass_target', { passages });
}
const nextRound = (story: Story) => story.pass((story.saga.deadline_at ?? 0) - story.now);
const sent = (story: Story, kind: string) => story.sent.filter((command) => command.kind === kind).length;

describe('a migration that holds', () => {
  it('is `holding` once everything is copied and staged, and stops nothing', () => {
    const story = holdingStory();
    expect([story.saga.status, awaited(story)]).toEqual(['holding', rounds]);
    pass(story);
    expect(story.saga).toMatchObject({ status: 'holding', awaiting: [], held: { last: { bytes: 2, ms: 1_400 } } });
    expect(sent(story, 'stop_stack')).toBe(0);
  });

  it('goes straight on to the stop without the option', () => {
    const story = newStory({ mode: 'pre-copy' });
    story.feed({ type: 'preflight_passed', plan });
    for (const kind of ['prepare_source', 'prepare_target', 'warm_source', 'warm_target'] as const) story.answer(kind);
    for (const kind of ['stage_source', 'stage_target', 'pass_source', 'pass_target'] as const) story.answer(kind);
    expect([story.saga.status, story.saga.steps.holding]).toEqual(['stopping', undefined]);
  });

  it('passes again within its bound, sooner where much changes, each time in lanes of its own', () => {
    const story = holdingStory();
    pass(story, { bytes: limits.warm.smallBytes });
    expect((story.saga.deadline_at ?? 0) - story.now).toBe(limits.hold.passMsMin);
    nextRound(story);
    expect(awaited(story)).toEqual(rounds);
    expect(story.sent.at(-1)?.payload).toMatchObject({ items: [{ lane: 'w0.2' }, { lane: 'w1.2' }] });
    pass(story);
    expect((story.saga.deadline_at ?? 0) - story.now).toBe(limits.hold.passMsMax);
  });

  it('waits for weeks', () => {
    const story = holdingStory();
    for (let round = 0; round < 1_000; round++) {
      pass(story);
      nextRound(story);
    }
    expect(story.saga.status).toBe('holding');
    expect(JSON.stringify(story.saga).length).toBeLessThan(20_000);
  });

  it('a pause is not made longer by bytes that moved before it', () => {
    const story = holdingStory();
    pass(story);
    const before = story.saga.deadline_at;
    expect([story.feed({ type: 'moved' }), story.saga.deadline_at]).toEqual([false, before]);
  });
});

describe('a cutover', () => {
  it('passes once more, then stops the stack', () => {
    const story = holdingStory();
    pass(story);
    expect(story.feed({ type: 'cutover', at: null })).toBe(true);
    expect([story.saga.status, awaited(story)]).toEqual(['holding', rounds]);
    pass(story);
    expect([story.saga.status, awaited(story)]).toEqual(['stopping', ['stop_stack']]);
  });

  it('waits for the pass that is under way, and asked for twice is done once', () => {
    const story = holdingStory();
    expect(story.feed({ type: 'cutover', at: null })).toBe(true);
    expect(story.feed({ type: 'cutover', at: null })).toBe(false);
    expect(cutoverRefusal(story.saga, null)).toBeNull();
    pass(story);
    expect(story.saga.status).toBe('stopping');
    expect([story.feed({ type: 'cutover', at: null }), cutoverRefusal(story.saga, null)]).toEqual([false, null]);
    expect(sent(story, 'stop_stack')).toBe(1);
  });

  it('does not stop a stack whose passes the source has forgotten: all of it is copied first', () => {
    const story = holdingStory();
    story.feed({ type: 'cutover', at: null });
    pass(story, { forgotten: true });
    expect([story.saga.status, awaited(story)]).toEqual(['holding', rounds]);
    pass(story);
    expect(story.saga.status).toBe('stopping');
  });

  it('comes by itself at its time', () => {
    const story = holdingStory({ cut_over_at: 90_000 });
    pass(story, { bytes: limits.warm.smallBytes });
    nextRound(story);
    expect(story.now).toBe(limits.hold.passMsMin);
    pass(story);
    nextRound(story);
    expect([story.now, story.saga.status]).toEqual([90_000, 'holding']);
    pass(story);
    expect(story.saga.status).toBe('stopping');
  });

  it('its time can be set and changed while it holds', () => {
    const story = holdingStory();
    pass(story);
    expect(story.feed({ type: 'cutover', at: 10_000 })).toBe(true);
    expect(story.saga.deadline_at).toBe(10_000);
    expect(story.feed({ type: 'cutover', at: 10_000 })).toBe(false);
    nextRound(story);
    pass(story);
    expect(story.saga.status).toBe('stopping');
  });

  it('can be put off while the last pass is under way, but not after the stop', () => {
    const story = holdingStory();
    story.feed({ type: 'cutover', at: null });
    expect(story.feed({ type: 'cutover', at: 9_000_000 })).toBe(true);
    expect(cutoverRefusal(story.saga, 9_000_000)).toBeNull();
    pass(story);
    expect(story.saga.status).toBe('holding');
    story.feed({ type: 'cutover', at: null });
    pass(story);
    expect(story.saga.status).toBe('stopping');
    expect(story.feed({ type: 'cutover', at: 8_000_000 })).toBe(false);
    expect(cutoverRefusal(story.saga, 8_000_000)?.code).toBe('not_holding');
  });

  it('is refused of what does not hold, or not yet', () => {
    const plain = newStory({ mode: 'pre-copy' });
    expect(cutoverRefusal(plain.saga, null)?.code).toBe('not_holding');
    const early = newStory({ mode: 'pre-copy', hold: true });
    expect(early.feed({ type: 'cutover', at: null })).toBe(false);
    expect(cutoverRefusal(early.saga, null)).toMatchObject({
      code: 'not_holding',
      message: expect.stringMatching(/still/),
    });
  });
});

describe('what goes wrong while it holds', () => {
  it('a cancel leaves all as it was, with no downtime', () => {
    const story = holdingStory();
    pass(story);
    story.feed({ type: 'cancel' });
    expect(story.saga.status).toBe('cancelled');
    expect(awaited(story)).toEqual(['cleanup_target']);
    expect(sent(story, 'stop_stack') + sent(story, 'restore_source')).toBe(0);
    expect(story.feed({ type: 'cutover', at: null })).toBe(false);
    expect(cutoverRefusal(story.saga, null)?.code).toBe('not_holding');
  });

  it.each([
    ['a round fails', (story: Story) => story.refuse('pass_target')],
    ['a host is lost', (story: Story) => story.feed({ type: 'agent_lost', host: 'host_a' })],
    ['a round never ends', (story: Story) => story.pass(limits.step.transferringMsMax + 1)],
  ])('%s: it is repeated in a new epoch', (_, trouble) => {
    const story = holdingStory();
    const { epoch } = story.saga;
    trouble(story);
    expect(story.saga).toMatchObject({ status: 'holding', awaiting: [], epoch: epoch + 1, held: { tries: 1 } });
    nextRound(story);
    expect(awaited(story)).toEqual(rounds);
    pass(story);
    expect(story.saga.held?.tries).toBe(0);
  });

  it('after a quarter of an hour of that the migration has failed, and needs nobody', () => {
    const story = holdingStory();
    while (story.saga.status === 'holding' && story.now < 2 * limits.hold.failingMsMax) {
      story.feed({ type: 'agent_lost', host: 'host_b' });
      if (story.saga.status === 'holding') nextRound(story);
    }
    expect(story.now).toBeGreaterThanOrEqual(limits.hold.failingMsMax);
    expect(story.saga).toMatchObject({ status: 'failed', failure: { step: 'holding', code: 'agent_lost' } });
    expect(sent(story, 'stop_stack')).toBe(0);
  });

  it('a cutover waits for a round that arrived, and tries soon, but not at once', () => {
    const story = holdingStory({ cut_over_at: 1 });
    story.now = 2;
    story.refuse('pass_source');
    expect([story.saga.status, story.saga.deadline_at]).toEqual(['holding', 2 + limits.hold.retryMs]);
    nextRound(story);
    pass(story);
    expect(story.saga.status).toBe('stopping');
  });

  it('a cutover that is due outlives a host that reboots', () => {
    const story = holdingStory({ cut_over_at: 1 });
    story.now = 2;
    while (story.now < limits.hold.failingMsMax - limits.hold.passMsMin) {
      story.refuse('pass_source');
      expect(story.saga.status).toBe('holding');
      nextRound(story);
    }
    pass(story);
    expect(story.saga.status).toBe('stopping');
  });

  it('a cutover that could not begin for half an hour is called off, and that is announced', () => {
    const story = holdingStory({ cut_over_at: 1 });
    story.now = 2 + limits.hold.lateMsMax;
    pass(story);
    expect(story.saga).toMatchObject({ status: 'holding', held: { cut_over_at: null, cutting_over: false } });
    expect(story.events.at(-1)?.data).toMatchObject({ called_off: true });
    const transition = { saga: story.saga, events: story.events.slice(-1) };
    expect(announcements('holding', transition)).toEqual(['migration.holding']);
  });

  it('bytes that arrived as others are a failed round', () => {
    const story = holdingStory();
    story.answer('pass_source');
    story.answer('pass_target', { passages: [] });
    expect(story.saga).toMatchObject({ status: 'holding', held: { tries: 1 } });
  });

  it('the record of a restored database asks the hosts, and goes back without a stop', () => {
    const story = holdingStory();
    story.feed({ type: 'restored' });
    story.answer('tell_source', { phase: 'untouched' });
    story.answer('tell_target', { phase: 'made', running: false });
    expect(story.saga.status).toBe('failed');
    expect(sent(story, 'stop_stack')).toBe(0);
  });
});

describe('a stack that is changed while it holds', () => {
  const changed = (containers: SeenContainer[]): Story => {
    const story = newStory({ mode: 'pre-copy', hold: true });
    story.feed({ type: 'preflight_passed', plan });
    story.answer('prepare_source', { ...(goodAnswers.prepare_source as object), containers: seen('db1', 'web1') });
    for (const kind of ['prepare_target', 'warm_source', 'warm_target', 'stage_source', 'stage_target'] as const)
      story.answer(kind);
    pass(story, { containers });
    return story;
  };

  it('is said once, and not cut over', () => {
    const story = changed(seen('db1', 'web2'));
    const said = () => story.events.filter(({ data }) => String(data.message).includes('has changed')).length;
    expect(story.saga.held?.changes).toEqual([expect.stringMatching(/^service web has other containers/)]);
    expect(story.feed({ type: 'cutover', at: null })).toBe(false);
    expect(cutoverRefusal(story.saga, null)?.code).toBe('stack_changed');
    nextRound(story);
    pass(story, { containers: seen('db1', 'web2') });
    expect(said()).toBe(1);
  });

  it('may be cut over once it is as it was', () => {
    const story = changed(seen('db1'));
    nextRound(story);
    pass(story, { containers: seen('db1', 'web1') });
    expect([story.saga.held?.changes, story.feed({ type: 'cutover', at: null })]).toEqual([[], true]);
  });

  it('is not cut over by its time, nor by a request of before', () => {
    for (const at of [null, 1]) {
      const story = changed(seen('db1', 'web1'));
      story.feed({ type: 'cutover', at });
      if (at !== null) nextRound(story);
      pass(story, { containers: seen('db2', 'web1') });
      expect(story.saga).toMatchObject({ status: 'holding', held: { cutting_over: false, cut_over_at: null } });
      expect(sent(story, 'stop_stack')).toBe(0);
    }
  });

  it('is waited for where it was taken down, for as long as that takes', () => {
    const story = changed(seen('db1', 'web1'));
    const gone = { ...failure, code: 'stack_not_found' as const };
    for (let n = 0; n < 3 * limits.hold.triesMin; n++) {
      nextRound(story);
      story.feed({ type: 'command_failed', command_id: story.saga.awaiting[0]?.id ?? '', failure: gone });
    }
    expect(story.saga).toMatchObject({ status: 'holding', held: { changes: ['its containers are gone'], tries: 0 } });
    nextRound(story);
    pass(story, { containers: seen('db1', 'web1') });
    expect(story.feed({ type: 'cutover', at: null })).toBe(true);
  });

  it('is stopped only as the last pass saw it', () => {
    const story = changed(seen('db1', 'web1'));
    story.feed({ type: 'cutover', at: null });
    pass(story, { containers: seen('db1', 'web1') });
    expect(story.sent.at(-1)).toMatchObject({ kind: 'stop_stack', payload: { expected: ['db1', 'web1'] } });
  });

  it('says what became of which service', () => {
    const db: SeenContainer = { id: 'db1', service: 'db', state: 'running' };
    const job: SeenContainer = { id: 'job1', service: 'job', state: 'running' };
    expect(stackChanges([db, job], [db, { ...job, state: 'ended' }])).toEqual([]);
    expect(stackChanges([db, job], [db, { ...job, state: 'stopped' }])).toEqual(['service job was stopped']);
    expect(stackChanges([db], [{ ...db, state: 'ended' }])).toEqual(['it was stopped']);
    expect(stackChanges([db], [db, job])).toEqual(['service job was added']);
    expect(stackChanges([db, job], [db])).toEqual(['service job was removed']);
    expect(stackChanges([db], [])).toEqual(['its containers are gone']);
    expect(stackChanges([], [db])).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import { type SeenContainer, warmProjectLane } from '../../schema/commands/parts.ts';
import type { CommandKind } from '../../schema/commands.ts';
import { limits } from '../../schema/limits.ts';
import type { SagaPlan } from '../../schema/saga.ts';
import { newProgress, recordProgress, viewProgress } from '../../worker/saga/migration/progress.ts';
import { sagaPlanOf } from '../../worker/saga/preflight/plan.ts';
import { readSaga } from '../../worker/tables/saga-versions.ts';
import { hostFacts, stackFacts, targetFacts, wellRest } from './preflight/well-facts.ts';
import { goodAnswers, newStory, plan, roundOf, type Story } from './story.ts';

const passes: CommandKind[] = ['pass_source', 'pass_target'];
const awaited = ({ saga }: Story) => saga.awaiting.map(({ kind }) => kind);
const sent = (story: Story, wanted: CommandKind) => story.sent.filter(({ kind }) => kind === wanted);
const notices = (story: Story) => story.events.flatMap(({ kind, data }) => (kind === 'notice' ? [data.message] : []));
const seen = (...ids: string[]): SeenContainer[] => ids.map((id) => ({ id, service: 'web', state: 'running' }));

/** As far as the last pass, which is under way. */
function passing(over: { plan?: Partial<SagaPlan>; answers?: { [K in CommandKind]?: object } } = {}): Story {
  const story = newStory({ mode: 'pre-copy', verify: 'content' });
  story.feed({ type: 'preflight_passed', plan: { ...plan, ...over.plan } });
  const kinds = ['prepare_source', 'prepare_target', 'warm_source', 'warm_target', 'stage_source', 'stage_target'];
  for (const kind of kinds as CommandKind[])
    if (awaited(story).includes(kind))
      story.answer(kind, { ...(goodAnswers[kind] as object), ...over.answers?.[kind] });
  return story;
}
/** The source's agent restarted after its lanes had passed. */
const forgotten = (story: Story) =>
  story.answer('pass_source', {
    ...(goodAnswers.pass_source as object),
    passages: roundOf(story.saga.last_passes),
    passes: [{ volume: 'shop_data', bytes: [], ms: [] }],
  });

describe('the last pass before the stop of a pre-copy', () => {
  it('comes once all else is done, in lanes of its own, and then the stop', () => {
    const story = passing();
    expect([story.saga.status, awaited(story)]).toEqual(['preparing', passes]);
    for (const kind of passes)
      expect(sent(story, kind).at(-1)?.payload).toMatchObject({
        items: [{ lane: 'w0.1' }, { lane: 'w1.1' }],
        project_lane: null,
        contents: 'gmac',
      });
    story.answer('pass_source');
    expect([story.saga.status, awaited(story)]).toEqual(['preparing', ['pass_target']]);
    story.answer('pass_target');
    expect([story.saga.status, awaited(story)]).toEqual(['stopping', ['stop_stack']]);
    expect(sent(story, 'pass_source')).toHaveLength(1);
  });

  it('goes over a large project directory as well', () => {
    const passage = { lane: warmProjectLane, bytes: 9, sha256: 'p' };
    const warmed = { passages: [...(goodAnswers.warm_target as { passages: object[] }).passages, passage] };
    const story = passing({ plan: { staged: false }, answers: { warm_source: warmed, warm_target: warmed } });
    const project_lane = { lane: `${warmProjectLane}.1`, directory: '/srv/shop' };
    for (const kind of passes) expect(sent(story, kind).at(-1)?.payload).toMatchObject({ project_lane });
    // Without its lane it has not arrived.
    story.answer('pass_source');
    story.answer('pass_target');
    expect([story.saga.status, story.saga.last_passes]).toEqual(['preparing', 2]);
  });

  it('is no part of a move between hosts that can not, nor of a stop-copy, nor of a migration that holds', () => {
    expect(passing({ plan: { last_pass: false } }).saga.status).toBe('stopping');
    const copy = newStory();
    copy.feed({ type: 'preflight_passed', plan });
    copy.answer('prepare_source');
    copy.answer('prepare_target');
    expect(copy.saga.status).toBe('stopping');
    const holds = newStory({ mode: 'pre-copy', hold: true });
    holds.feed({ type: 'preflight_passed', plan });
    for (const { kind } of passing().sent) holds.answer(kind);
    expect([holds.saga.status, holds.saga.last_passes]).toEqual(['holding', 0]);
  });

  it('needs both hosts, as a hold does', () => {
    for (const [source, target] of [
      [true, true],
      [true, false],
      [false, true],
    ] as const) {
      const hosts = { source: hostFacts(), target: hostFacts() };
      hosts.source.engine.holds = source;
      hosts.target.engine.holds = target;
      const { last_pass } = sagaPlanOf(stackFacts, targetFacts, hosts, wellRest(0, 'pre-copy').inputs);
      expect(last_pass).toBe(source && target);
    }
  });

  it('is not begun in a migration that an older release planned', () => {
    const { last_pass: _, ...older } = plan;
    const { last_passes: __, ...stored } = newStory({ mode: 'pre-copy' }).saga;
    expect(readSaga({ ...stored, plan: older })).toMatchObject({ last_passes: 0, plan: { last_pass: false } });
  });

  it('has the time of a copy, since it may have to carry everything again', () => {
    const story = passing();
    for (let tries = 0; tries < 5; tries++) {
      story.pass(limits.step.transferringMsMax * 0.9);
      expect(story.saga.status).toBe('preparing');
      expect(story.feed({ type: 'moved' })).toBe(true);
    }
    story.pass(limits.step.transferringMsMax + 1);
    expect(story.saga.failure).toMatchObject({ step: 'preparing', code: 'command_timeout' });
  });

  it('shows what it carries', () => {
    const story = passing();
    const memory = newProgress();
    recordProgress(memory, [{ lane: 'w0', bytes_done: 90, bytes_total: 90 }], 0);
    recordProgress(memory, [{ lane: 'w0.1', bytes_done: 7, bytes_total: null }], 0);
    const view = viewProgress(memory, story.saga, 0);
    expect(view?.items).toEqual([
      { item: 'shop_data', bytes_done: 7, bytes_total: null },
      { item: 'shop_cache', bytes_done: 0, bytes_total: null },
    ]);
  });
});

describe('a last pass that goes wrong', () => {
  it.each(passes)('is repeated when %s fails, in a new epoch, and the migration goes on', (kind) => {
    const story = passing();
    const { epoch } = story.saga;
    story.refuse(kind);
    expect(story.saga).toMatchObject({ status: 'preparing', epoch: epoch + 1, failure: null });
    expect(awaited(story)).toEqual(passes);
    expect(sent(story, 'pass_target').at(-1)?.payload).toMatchObject({ items: [{ lane: 'w0.2' }, { lane: 'w1.2' }] });
    expect(notices(story)).toEqual(['a pass failed and is repeated']);
    for (const one of passes) story.answer(one);
    expect(story.saga.status).toBe('stopping');
  });

  it('is repeated as well when one side has passed', () => {
    const story = passing();
    story.answer('pass_source');
    story.refuse('pass_target');
    expect(awaited(story)).toEqual(passes);
  });

  it('that fails again and again ends the migration, with nothing stopped', () => {
    const story = passing();
    for (let tries = 0; tries < limits.warm.lastPassesMax; tries++) story.refuse('pass_source');
    expect(story.saga).toMatchObject({ status: 'failed', failure: { step: 'preparing', code: 'command_failed' } });
    expect(sent(story, 'pass_source')).toHaveLength(limits.warm.lastPassesMax);
    expect([...sent(story, 'stop_stack'), ...sent(story, 'restore_source')]).toEqual([]);
  });

  it('that the source has forgotten is followed by another, but not for ever', () => {
    const story = passing();
    for (let tries = 1; tries < limits.warm.lastPassesMax; tries++) {
      forgotten(story);
      story.answer('pass_target');
      expect([story.saga.status, awaited(story)]).toEqual(['preparing', passes]);
    }
    forgotten(story);
    story.answer('pass_target');
    expect(story.saga.status).toBe('stopping');
  });

  it('that brings other bytes than were sent is repeated, and nothing is stopped on the last of them', () => {
    const story = passing();
    for (let tries = 1; tries <= limits.warm.lastPassesMax; tries++) {
      expect(awaited(story)).toEqual(passes);
      story.answer('pass_source');
      story.answer('pass_target', { passages: [] });
    }
    expect(story.saga.failure).toMatchObject({ step: 'preparing', code: 'digest_mismatch' });
    expect(sent(story, 'stop_stack')).toEqual([]);
  });

  it('a host that is lost, and a cancel, end it as any other part of the step', () => {
    const lost = passing();
    lost.feed({ type: 'agent_lost', host: 'host_b' });
    expect(lost.saga).toMatchObject({ status: 'failed', failure: { step: 'preparing', code: 'agent_lost' } });
    const cancelled = passing();
    cancelled.feed({ type: 'cancel' });
    expect([cancelled.saga.status, awaited(cancelled)]).toEqual(['cancelled', ['cleanup_target']]);
    expect(sent(cancelled, 'restore_source')).toEqual([]);
  });
});

describe('a stack that is deployed again while it is copied', () => {
  const arrived = (now: SeenContainer[]): Story => {
    const story = passing({ answers: { prepare_source: { containers: seen('web1') } } });
    story.answer('pass_source', { ...(goodAnswers.pass_source as object), containers: now });
    story.answer('pass_target');
    return story;
  };

  it('is moved all the same, and that is said', () => {
    const story = arrived(seen('web2'));
    expect(notices(story)).toEqual([expect.stringMatching(/^the stack has changed since the pre-flight/)]);
    expect(story.saga.status).toBe('stopping');
    expect(sent(story, 'stop_stack')[0]?.payload).toMatchObject({ expected: [] });
  });

  it('says nothing of one that only ran on', () => {
    expect(notices(arrived(seen('web1')))).toEqual([]);
  });
});

import { describe, expect, it } from 'vitest';
import type { CommandKind } from '../../schema/commands.ts';
import { failure, holdingStory, newStory, plan, roundOf, type Story } from './story.ts';

const awaited = ({ saga }: Story) => saga.awaiting.map(({ kind }) => kind);
const payload = (story: Story, kind: CommandKind) => story.sent.findLast((command) => command.kind === kind)?.payload;
const knowing = { volumes: [], expects_source: true };
const both = ['expect_source', 'stop_stack'];

/** A stop-copy whose target's agent says what it knows. */
function stopping(prepared: object = knowing, volumes = plan.volumes): Story {
  const story = newStory();
  story.feed({ type: 'preflight_passed', plan: { ...plan, volumes } });
  story.answer('prepare_source');
  story.answer('prepare_target', prepared);
  return story;
}

describe('lanes that are dialled during the stop', () => {
  it('are the first ones after it, on both sides', () => {
    const story = stopping();
    expect([story.saga.status, awaited(story)]).toEqual(['stopping', both]);
    const lanes = ['v0', 'v1', 'project'];
    expect(payload(story, 'stop_stack')).toMatchObject({ early: { peer: story.saga.target, lanes } });
    expect(payload(story, 'expect_source')).toEqual({ project: 'shop', peer: story.saga.source, lanes });
  });

  it('are as many as go at once', () => {
    const volumes = [0, 1, 2, 3, 4].map((n) => ({ ...plan.volumes[0]!, name: `shop_${n}` }));
    expect(payload(stopping(knowing, volumes), 'expect_source')).toMatchObject({
      lanes: ['v0', 'v1', 'v2', 'project'],
    });
  });

  it('are none with a target of the previous release', () => {
    const story = stopping({ volumes: [] });
    expect(awaited(story)).toEqual(['stop_stack']);
    expect(payload(story, 'stop_stack')).toMatchObject({ early: null });
  });

  it.each([
    ['staged', true, ['v0', 'v1']],
    ['passed over', false, ['v0', 'v1', 'project.changes']],
  ])('leave out a project directory that was %s', (_how, staged, lanes) => {
    const story = newStory({ mode: 'pre-copy' });
    story.feed({ type: 'preflight_passed', plan: { ...plan, staged } });
    story.answer('prepare_source');
    story.answer('prepare_target', knowing);
    const passages = ['w0', 'w1', 'wproject'].map((lane) => ({ lane, bytes: 1, sha256: lane }));
    story.answer('warm_source', { passages, passes: [] });
    story.answer('warm_target', { passages });
    for (const kind of staged ? (['stage_source', 'stage_target'] as const) : []) story.answer(kind);
    const last = passages.map((passage) => ({ ...passage, lane: `${passage.lane}.1` }));
    story.answer('pass_source', { passages: last, passes: [], ms: 1, containers: [] });
    story.answer('pass_target', { passages: last, expects_source: true });
    expect(awaited(story)).toEqual(both);
    expect(payload(story, 'expect_source')).toMatchObject({ lanes });
  });

  it('follow what the target said in the last pass of a hold', () => {
    const story = holdingStory();
    story.feed({ type: 'cutover', at: null });
    story.answer('pass_source');
    story.answer('pass_target', { passages: roundOf(1), expects_source: true });
    expect([story.saga.status, awaited(story)]).toEqual(['stopping', both]);
  });
});

describe('a target that does not dial during the stop', () => {
  it('holds nothing up once the stack is stopped', () => {
    const story = stopping();
    const { id } = story.saga.awaiting[0]!;
    story.answer('stop_stack');
    expect(story.saga.status).toBe('transferring');
    expect(awaited(story)).toEqual(['send_volumes', 'receive_volumes']);
    expect(story.feed({ type: 'command_done', command_id: id, data: {} })).toBe(false);
  });

  it('may refuse, or be away, and the stop goes on', () => {
    const refusing = stopping();
    refusing.refuse('expect_source');
    const away = stopping();
    away.feed({ type: 'agent_lost', host: away.saga.target });
    for (const story of [refusing, away]) {
      expect([story.saga.status, awaited(story)]).toEqual(['stopping', ['stop_stack']]);
      story.answer('stop_stack');
      expect(story.saga.status).toBe('transferring');
    }
  });

  it('does not excuse the source', () => {
    const lost = stopping();
    lost.feed({ type: 'agent_lost', host: lost.saga.source });
    const refused = stopping();
    const { id } = refused.saga.awaiting[1]!;
    refused.feed({ type: 'command_failed', command_id: id, failure });
    for (const { saga } of [lost, refused]) expect(saga.status).toBe('reverting');
  });
});

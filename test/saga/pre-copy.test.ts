import { describe, expect, it } from 'vitest';
import { changesLane, type Passage, warmProjectLane } from '../../schema/commands/parts.ts';
import type { CommandKind, CommandPayload } from '../../schema/commands.ts';
import { goodAnswers, newStory, plan, roundOf, type Story } from './story.ts';

const started = (verify: 'manifest' | 'content' = 'content'): Story => {
  const story = newStory({ mode: 'pre-copy', verify });
  story.feed({ type: 'preflight_passed', plan });
  story.answer('prepare_source');
  story.answer('prepare_target');
  return story;
};
const awaited = (story: Story) => story.saga.awaiting.map(({ kind }) => kind);
const sent = (story: Story, wanted: CommandKind) => story.sent.findLast(({ kind }) => kind === wanted)?.payload;
const payload = (story: Story) => sent(story, 'send_volumes') as CommandPayload<'send_volumes'>;
const warm = (story: Story) => {
  story.answer('warm_source');
  story.answer('warm_target');
  story.answer('stage_source');
  story.answer('stage_target');
  story.answer('pass_source');
  story.answer('pass_target');
};
/** As far as the end of `transferring`. */
const carried = (sent = goodAnswers.send_volumes): Story => {
  const story = started();
  warm(story);
  story.answer('stop_stack');
  story.answer('send_volumes', sent);
  story.answer('receive_volumes');
  return story;
};
/** The volume of lane v0 arrived with another manifest. */
const other = {
  proofs: goodProofs().map((proof) => (proof.lane === 'v0' ? { ...proof, manifest_sha256: 'x' } : proof)),
};

describe('a pre-copy', () => {
  it('copies while the stack runs, then stops it and sends only what changed', () => {
    const story = started();
    expect([story.saga.status, awaited(story)]).toEqual(['preparing', ['warm_source', 'warm_target']]);
    warm(story);
    expect([story.saga.status, awaited(story)]).toEqual(['stopping', ['stop_stack']]);
    story.answer('stop_stack');
    expect(payload(story)).toMatchObject({ changes: true, contents: true, blocks: true, staged_dir: '/srv/shop' });
    story.answer('send_volumes');
    story.answer('receive_volumes');
    expect(story.saga.status).toBe('deploying');
  });

  it('makes the containers before the stop, once the volumes are filled, and sends no directory after it', () => {
    const story = started();
    story.answer('warm_source');
    expect(awaited(story)).toEqual(['warm_target']);
    story.answer('warm_target');
    expect([story.saga.status, awaited(story)]).toEqual(['preparing', ['stage_source', 'stage_target']]);
    const later = carried();
    expect(awaited(later)).toEqual(['deploy']);
    expect(later.sent.map(({ kind }) => kind)).not.toContain('send_project');
    expect(later.saga.steps.shipping).toEqual({ started_at: 0, ended_at: 0 });
  });

  it('sends a directory again that is not what it was before the stop', () => {
    const answer = goodAnswers.send_volumes as object;
    for (const staged of [{ sha256: 'other', entries: 3 }, { sha256: 'm-staged', entries: 4 }, null]) {
      const story = carried({ ...answer, staged });
      expect([story.saga.status, awaited(story)]).toEqual(['shipping', ['send_project', 'receive_project']]);
    }
  });

  it('does not stop a stack whose directory did not arrive as it was sent', () => {
    const story = started();
    story.answer('warm_source');
    story.answer('warm_target');
    story.answer('stage_source');
    story.answer('stage_target', { proof: { ...goodProofs()[0], sha256: 'x' } });
    expect(story.saga.failure).toMatchObject({ step: 'preparing', code: 'digest_mismatch' });
    expect(story.sent.map(({ kind }) => kind)).not.toContain('stop_stack');
  });

  it('makes no containers before the stop where the directory is too large for it', () => {
    const story = newStory({ mode: 'pre-copy' });
    story.feed({ type: 'preflight_passed', plan: { ...plan, staged: false } });
    for (const kind of ['prepare_source', 'prepare_target', 'warm_source', 'warm_target'] as const) story.answer(kind);
    for (const kind of ['pass_source', 'pass_target'] as const) story.answer(kind);
    expect([story.saga.status, awaited(story)]).toEqual(['stopping', ['stop_stack']]);
    story.answer('stop_stack');
    expect(payload(story).staged_dir).toBeNull();
  });

  describe('P14: of a directory that is too large to be staged', () => {
    const passage = { lane: warmProjectLane, bytes: 9, sha256: 'p' };
    const answers = goodAnswers as { warm_target: { passages: Passage[] }; warm_source: object };
    const warmed = (answer: object) => ({ ...answer, passages: [...answers.warm_target.passages, passage] });
    const proof = { lane: changesLane, bytes: 1, sha256: 'c', manifest_sha256: 'm', entries: 3 };
    /** As far as its changes are asked for. */
    const shipping = (received: object = warmed(answers.warm_target)) => {
      const story = newStory({ mode: 'pre-copy', verify: 'content' });
      story.feed({ type: 'preflight_passed', plan: { ...plan, staged: false } });
      story.answer('prepare_source');
      story.answer('prepare_target');
      story.answer('warm_source', warmed(answers.warm_source));
      story.answer('warm_target', received);
      const passed = [...roundOf(1), { ...passage, lane: `${warmProjectLane}.1` }];
      story.answer('pass_source', { ...(goodAnswers.pass_source as object), passages: passed });
      story.answer('pass_target', { passages: passed });
      for (const kind of ['stop_stack', 'send_volumes', 'receive_volumes'] as const)
        if (awaited(story).includes(kind)) story.answer(kind);
      return story;
    };

    it('passes go over it while the stack runs, and what changed is proven after the stop', () => {
      const story = shipping();
      expect(sent(story, 'warm_source')).toMatchObject({ source_dir: '/srv/shop' });
      expect([story.saga.status, awaited(story)]).toEqual(['shipping', ['send_project', 'receive_project']]);
      expect(sent(story, 'send_project')).toMatchObject({ changes: { blocks: true, contents: true } });
      story.answer('send_project', { proof });
      story.answer('receive_project', { proof });
      expect(story.saga.status).toBe('deploying');
    });

    it('it goes whole where the two sides differ after that, and nothing starts where they differ again', () => {
      const story = shipping();
      story.answer('send_project', { proof });
      story.answer('receive_project', { proof: { ...proof, manifest_sha256: 'x' } });
      expect([story.saga.status, awaited(story)]).toEqual(['shipping', ['send_project', 'receive_project']]);
      expect(sent(story, 'send_project')).toMatchObject({ changes: null });
      const whole = { ...proof, lane: 'project' };
      story.answer('send_project', { proof: whole });
      story.answer('receive_project', { proof: { ...whole, manifest_sha256: 'x' } });
      expect(story.saga.failure).toMatchObject({ step: 'shipping', code: 'manifest_mismatch' });
    });

    it('a stack is not stopped whose directory’s passes did not arrive', () => {
      const story = shipping(answers.warm_target);
      expect(story.saga.failure).toMatchObject({ step: 'preparing', code: 'digest_mismatch' });
      expect(story.sent.map(({ kind }) => kind)).not.toContain('stop_stack');
    });
  });

  it('does not stop a stack whose passes did not arrive as they were sent', () => {
    const story = started();
    story.answer('warm_source');
    story.answer('warm_target', { passages: [] });
    story.answer('stage_source');
    story.answer('stage_target');
    expect(story.saga.status).toBe('failed');
    expect(story.saga.failure).toMatchObject({ step: 'preparing', code: 'digest_mismatch' });
    expect(story.sent.map(({ kind }) => kind)).not.toContain('stop_stack');
  });

  it('F46 sends a volume that differs after the last changes again, as a whole, and only that one', () => {
    const story = started();
    warm(story);
    story.answer('stop_stack');
    story.answer('send_volumes');
    story.answer('receive_volumes', other);
    expect([story.saga.status, awaited(story)]).toEqual(['transferring', ['send_volumes', 'receive_volumes']]);
    expect(payload(story)).toMatchObject({
      changes: false,
      items: [{ lane: 'v0.whole', volume: 'shop_data' }],
      staged_dir: null,
    });
    const whole = { proofs: [{ ...goodProofs()[0]!, lane: 'v0.whole' }], staged: null };
    story.answer('send_volumes', whole);
    story.answer('receive_volumes', whole);
    expect(story.saga.status).toBe('shipping');
  });

  it('goes back where even the whole volume differs', () => {
    const story = started();
    warm(story);
    story.answer('stop_stack');
    story.answer('send_volumes');
    story.answer('receive_volumes', other);
    const proof = { ...goodProofs()[0]!, lane: 'v0.whole' };
    story.answer('send_volumes', { proofs: [proof], staged: null });
    story.answer('receive_volumes', { proofs: [{ ...proof, manifest_sha256: 'x' }] });
    expect(story.saga.status).toBe('reverting');
    expect(story.saga.failure).toMatchObject({ step: 'transferring', code: 'manifest_mismatch' });
  });

  it('compares contents only where it is told to', () => {
    const story = started('manifest');
    warm(story);
    story.answer('stop_stack');
    expect(payload(story).contents).toBe(false);
    expect(sent(story, 'warm_target')).toMatchObject({ contents: null });
  });

  it('has both sides read contents ahead of the proof, by the digest of the plan', () => {
    const story = started('content');
    for (const kind of ['warm_source', 'warm_target'] as const)
      expect(sent(story, kind)).toMatchObject({ contents: 'gmac' });
    warm(story);
    story.answer('stop_stack');
    expect(payload(story)).toMatchObject({ contents: true, content_digest: 'gmac' });
  });
});

function goodProofs() {
  return (goodAnswers.send_volumes as { proofs: { lane: string; manifest_sha256: string }[] }).proofs;
}

import { describe, expect, it } from 'vitest';
import type { CommandKind } from '../../schema/commands.ts';
import { newStory, plan, rollbackKinds, type Story } from './story.ts';

const kindsOf = (story: Story) => story.saga.awaiting.map(({ kind }) => kind);
const notices = ({ events }: Story) => events.flatMap(({ kind, data }) => (kind === 'notice' ? [data.message] : []));
const record = { name: 'shop.example.com', type: 'A', from: '192.0.2.10', to: '192.0.2.20', left: null, failed: null };
const back = { ...record, from: '192.0.2.20', to: '192.0.2.10' };
const failing = { ...record, type: null, from: null, to: null, failed: 'Cloudflare answers 500' };

function completed(cutover_dns = ['example.com/shop.example.com']): Story {
  const story = newStory({ cutover_dns });
  story.feed({ type: 'preflight_passed', plan });
  const kinds: CommandKind[] = ['prepare_source', 'prepare_target', 'stop_stack', 'send_volumes', 'receive_volumes'];
  for (const kind of [...kinds, 'send_project', 'receive_project', 'deploy'] as const) story.answer(kind);
  expect(
    story.sent.map(({ kind }) => kind),
    'nothing before the proof',
  ).not.toContain('point_names');
  story.answer('verify_health');
  expect(story.saga.status).toBe('completed');
  return story;
}

function rollingBack(story: Story): Story {
  for (const kind of ['arm_target', 'retain_source'] as const) story.answer(kind);
  story.feed({ type: 'rollback' });
  return story;
}

function rolledBack(story: Story): Story {
  rollingBack(story);
  for (const kind of rollbackKinds) story.answer(kind);
  expect(story.saga.status).toBe('rolled_back');
  return story;
}

describe('names of clients', () => {
  it('are pointed at the target by its agent, once the stack is proven there', () => {
    const story = completed();
    const sent = story.sent.find(({ kind }) => kind === 'point_names');
    expect(sent).toMatchObject({
      host: 'host_b',
      payload: { project: 'shop', names: [{ zone: 'example.com', name: 'shop.example.com' }] },
    });
    story.answer('point_names', { records: [record] });
    expect(notices(story)).toContain('shop.example.com (A) leads to 192.0.2.20 now, no longer to 192.0.2.10');
    expect(kindsOf(story)).not.toContain('point_names');
  });

  it('lead to the target again, and clients hear of it, when the source is lost after a rollback', () => {
    const story = completed();
    story.answer('point_names', { records: [record] });
    rolledBack(story);
    story.answer('arm_source');
    story.answer('point_names_back', { records: [back] });
    const asked = story.sent.length;
    expect(story.feed({ type: 'resolve', resolution: 'source_lost' })).toBe(true);
    story.pass(600_000);
    story.answer('resume_target');
    expect(story.saga.status).toBe('completed');
    expect(story.sent.slice(asked).map(({ kind }) => kind)).toContain('point_names');
    expect(story.events.some(({ data }) => data.clients_move === true)).toBe(true);
  });

  it('are listed for a person when the target is lost before it said what they were', () => {
    const story = completed();
    story.answer('arm_target');
    story.answer('retain_source');
    expect(story.feed({ type: 'resolve', resolution: 'target_lost' })).toBe(true);
    story.answer('check_retained');
    story.pass(600_000);
    for (const kind of ['revive_source', 'verify_source'] as const) story.answer(kind);
    expect(notices(story)).toContain(
      'names may lead to the target, whose agent has not said what they were: look at each',
    );
  });

  it('are no affair of a migration that was not asked for them', () => {
    const story = rolledBack(completed([]));
    expect(story.sent.filter(({ kind }) => kind.startsWith('point_names'))).toEqual([]);
  });

  it.each<[string, (story: Story) => void]>([
    ['a refusal', (story) => story.refuse('point_names')],
    ['an answer with a failure', (story) => story.answer('point_names', { records: [failing] })],
  ])('are tried again after %s, and never fail the migration', (_what, act) => {
    const story = completed();
    for (const kind of ['arm_target', 'retain_source'] as const) story.answer(kind);
    act(story);
    expect(story.saga.status).toBe('completed');
    expect(kindsOf(story)).toEqual([]);
    story.pass(24 * 3_600_000);
    expect(kindsOf(story)).toEqual(['point_names']);
    story.answer('point_names', { records: [record] });
    story.pass(24 * 3_600_000);
    expect(kindsOf(story)).toEqual([]);
  });

  it('that fail again and again are told of once', () => {
    const story = completed();
    for (const kind of ['arm_target', 'retain_source'] as const) story.answer(kind);
    for (let tries = 0; tries < 3; tries++) {
      story.answer('point_names', { records: [failing] });
      story.pass(24 * 3_600_000);
    }
    expect(notices(story).filter((said) => String(said).includes('Cloudflare answers 500'))).toHaveLength(1);
  });

  it('are set back by a rollback, by the target’s agent, even if nobody heard of the first change', () => {
    const story = rolledBack(completed());
    const sent = story.sent.findLast(({ kind }) => kind === 'point_names_back');
    expect(sent).toMatchObject({ host: 'host_b', payload: { project: 'shop' } });
    expect(kindsOf(story)).not.toContain('point_names');
    story.answer('point_names_back', { records: [back] });
    expect(notices(story)).toContain('shop.example.com (A) leads to 192.0.2.10 now, no longer to 192.0.2.20');
  });

  it('stay with the target if a rollback fails, and are pointed there if that was still owed', () => {
    for (const isAnswered of [true, false]) {
      const story = completed();
      if (isAnswered) story.answer('point_names', { records: [record] });
      rollingBack(story);
      story.answer('check_retained');
      story.refuse('halt_target');
      story.answer('resume_target');
      expect(story.saga.status).toBe('completed');
      expect(kindsOf(story).includes('point_names')).toBe(!isAnswered);
      expect(story.sent.map(({ kind }) => kind)).not.toContain('point_names_back');
    }
  });

  it('are set back by a target that was declared lost and comes back, once its copy is stopped', () => {
    const story = completed();
    story.answer('point_names', { records: [record] });
    for (const kind of ['arm_target', 'retain_source'] as const) story.answer(kind);
    expect(story.feed({ type: 'resolve', resolution: 'target_lost' })).toBe(true);
    story.answer('check_retained');
    story.pass(24 * 3_600_000);
    for (const kind of ['revive_source', 'verify_source'] as const) story.answer(kind);
    expect(story.saga.status).toBe('rolled_back');
    const owed = kindsOf(story);
    expect(owed.indexOf('halt_target')).toBeLessThan(owed.indexOf('point_names_back'));
    expect(notices(story)).toContain('set names back by hand');
  });

  it('that cannot be set back are named, with their address before', () => {
    const story = completed();
    story.answer('point_names', { records: [record] });
    rolledBack(story);
    for (const kind of ['arm_source'] as const) story.answer(kind);
    story.feed({ type: 'host_deleted', host: 'host_b' });
    expect(kindsOf(story)).toEqual([]);
    expect(story.events.find(({ data }) => data.message === 'set names back by hand')?.data).toMatchObject({
      records: ['shop.example.com (A) to 192.0.2.10'],
    });
  });
});

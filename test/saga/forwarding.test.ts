import { describe, expect, it } from 'vitest';
import type { CommandKind } from '../../schema/commands.ts';
import { limits } from '../../schema/limits.ts';
import { newStory, plan, type Story } from './story.ts';

const kindsOf = (story: Story) => story.saga.awaiting.map(({ kind }) => kind);
const payloadOf = (story: Story, kind: CommandKind) => story.sent.findLast((sent) => sent.kind === kind)?.payload;

/** As far as the stop, which waits for the connections to be held. */
function atTheStop(): Story {
  const story = newStory({ forward: true });
  story.feed({ type: 'preflight_passed', plan });
  for (const kind of ['prepare_source', 'prepare_target'] as const) story.answer(kind);
  return story;
}

function completed(): Story {
  const story = atTheStop();
  const rest: CommandKind[] = ['hold_connections', 'stop_stack', 'send_volumes', 'receive_volumes', 'send_project'];
  for (const kind of [...rest, 'receive_project', 'deploy', 'verify_health'] as const) story.answer(kind);
  expect(story.saga.status).toBe('completed');
  return story;
}

/** Until the target is halted. */
function rollingBack(): Story {
  const story = completed();
  for (const kind of ['arm_target', 'retain_source', 'receive_connections', 'forward_connections'] as const)
    story.answer(kind);
  story.feed({ type: 'rollback' });
  story.answer('check_retained');
  return story;
}

describe('a migration that forwards', () => {
  it.each([
    [12, '12 connections came to the old address in the last minute; later ones are refused.'],
    [0, 'Nobody came to the old address in the last minute.'],
    [null, 'delete it when you no longer need it.'],
  ])('tells with its window’s end who still comes: %s a minute', (per_minute, words) => {
    const story = completed();
    story.now = story.saga.window!.ends_at;
    const told = story.feed({ type: 'remind', per_minute });
    expect(told).toBe(true);
    expect(story.saga.forwarding).toMatchObject({ phase: 'ended', last_per_minute: per_minute });
    expect(story.events.findLast(({ kind }) => kind === 'cleanup_due')?.data.message).toMatch(new RegExp(`${words}$`));
  });

  it('holds connections before it stops the stack, and passes them on once it is verified', () => {
    const story = atTheStop();
    expect(kindsOf(story)).toEqual(['hold_connections']);
    expect(payloadOf(story, 'hold_connections')).toEqual({
      project: 'shop',
      ports: [{ host_ip: '', port: 8080, protocol: 'tcp' }],
    });
    story.answer('hold_connections');
    expect(kindsOf(story)).toEqual(['stop_stack']);
    const done = completed();
    expect(kindsOf(done)).toEqual(expect.arrayContaining(['receive_connections', 'forward_connections']));
    // Until it hears of the window's end, or a while after it.
    const until_ms = done.saga.window!.ends_at + limits.forward.overtimeMs;
    expect(payloadOf(done, 'forward_connections')).toMatchObject({ peer: 'host_b', until_ms });
    expect(payloadOf(done, 'receive_connections')).toMatchObject({ peer: 'host_a', until_ms });
  });

  it('holds nothing for a stack that publishes no port', () => {
    const story = newStory({ forward: true });
    story.feed({ type: 'preflight_passed', plan: { ...plan, forwarded_ports: [] } });
    for (const kind of ['prepare_source', 'prepare_target'] as const) story.answer(kind);
    expect(kindsOf(story)).toEqual(['stop_stack']);
  });

  it('fails before anything stops if connections can’t be held', () => {
    const story = atTheStop();
    story.refuse('hold_connections');
    expect(story.saga.status).toBe('reverting');
    expect(story.sent.map(({ kind }) => kind)).not.toContain('stop_stack');
  });

  it('lets connections reach the source again after a failure, once it runs', () => {
    const story = atTheStop();
    story.answer('hold_connections');
    story.answer('stop_stack');
    story.refuse('send_volumes');
    expect(kindsOf(story)).toEqual(['restore_source']);
    story.answer('restore_source');
    expect(story.saga.status).toBe('failed');
    expect(kindsOf(story)).toContain('release_connections');
    story.refuse('release_connections');
    story.pass(24 * 3_600_000);
    expect(kindsOf(story), 'until it is answered').toContain('release_connections');
  });

  it('is owed nothing if it fails before the stop', () => {
    const story = newStory({ forward: true });
    story.feed({ type: 'preflight_passed', plan });
    story.refuse('prepare_source');
    expect(story.sent.map(({ kind }) => kind)).not.toContain('release_connections');
  });

  it('holds again before a rollback halts the target, and releases once the source is proven', () => {
    const story = rollingBack();
    expect(kindsOf(story)).toEqual(['hold_connections']);
    story.answer('hold_connections');
    expect(kindsOf(story)).toEqual(['halt_target']);
    for (const kind of ['halt_target', 'revive_source'] as const) story.answer(kind);
    expect(story.sent.map(({ kind }) => kind)).not.toContain('release_connections');
    story.answer('verify_source');
    expect(kindsOf(story)).toEqual(expect.arrayContaining(['release_connections', 'end_receiving']));
  });

  it('rolls back although connections can’t be held', () => {
    const story = rollingBack();
    story.refuse('hold_connections');
    expect(kindsOf(story)).toEqual(['halt_target']);
  });

  it('forwards again after a rollback that failed', () => {
    const story = rollingBack();
    for (const kind of ['hold_connections', 'halt_target'] as const) story.answer(kind);
    story.refuse('revive_source');
    expect(story.saga.forwarding?.phase).toBe('holding');
    for (const kind of ['stop_source', 'resume_target'] as const) story.answer(kind);
    expect(story.saga.status).toBe('completed');
    expect(kindsOf(story)).toEqual(expect.arrayContaining(['receive_connections', 'forward_connections']));
  });

  it.each<[string, (story: Story) => void]>([
    ['the operator', (story) => story.feed({ type: 'end_forwarding' })],
    ['a purge', (story) => story.feed({ type: 'purge', side: 'source' })],
    [
      'the window',
      (story) => {
        story.now = story.saga.window!.ends_at;
        story.feed({ type: 'remind', per_minute: null });
      },
    ],
  ])('ends with %s, once', (_who, act) => {
    const story = completed();
    for (const kind of ['arm_target', 'retain_source', 'receive_connections', 'forward_connections'] as const)
      story.answer(kind);
    act(story);
    expect(kindsOf(story)).toEqual(expect.arrayContaining(['end_forwarding', 'end_receiving']));
    expect(story.feed({ type: 'end_forwarding' })).toBe(false);
  });

  it.each([true, false])(
    'ends on a source that had not heard of it when a rollback began, which ends well: %s',
    (well) => {
      const story = completed();
      for (const kind of ['arm_target', 'retain_source', 'receive_connections', 'forward_connections'] as const)
        story.answer(kind);
      story.feed({ type: 'end_forwarding' });
      story.feed({ type: 'rollback' });
      story.answer('check_retained');
      expect(kindsOf(story)).toEqual(['halt_target']);
      story.answer('halt_target');
      if (well) for (const kind of ['revive_source', 'verify_source'] as const) story.answer(kind);
      else {
        story.refuse('revive_source');
        for (const kind of ['stop_source', 'resume_target'] as const) story.answer(kind);
      }
      expect(story.saga.status).toBe(well ? 'rolled_back' : 'completed');
      expect(kindsOf(story)).toContain('end_forwarding');
    },
  );

  it.each([
    ['host_a', 'end_receiving'],
    ['host_b', 'end_forwarding'],
  ] as const)('ends at the other end if %s is deleted', (host, kind) => {
    const story = completed();
    for (const answered of ['arm_target', 'retain_source', 'receive_connections', 'forward_connections'] as const)
      story.answer(answered);
    story.feed({ type: 'host_deleted', host });
    expect(kindsOf(story)).toEqual([kind]);
  });

  it('is owed the release again if its answer was lost with the database', () => {
    const story = atTheStop();
    story.answer('hold_connections');
    story.answer('stop_stack');
    story.refuse('send_volumes');
    story.answer('restore_source');
    expect([story.saga.status, kindsOf(story)]).toEqual(['failed', expect.arrayContaining(['release_connections'])]);
    story.feed({ type: 'restored' });
    expect(kindsOf(story)).toEqual(['tell_source', 'tell_target']);
    story.answer('tell_source', { phase: 'untouched' });
    story.answer('tell_target', { phase: 'made', running: false });
    expect(kindsOf(story)).toContain('release_connections');
  });

  it('lets go what a record from before the hold knows nothing of', () => {
    const story = newStory({ forward: true });
    story.feed({ type: 'preflight_passed', plan });
    expect(story.saga.forwarding?.phase).toBe('planned');
    story.feed({ type: 'restored' });
    story.answer('tell_source', { phase: 'stopped' });
    story.answer('tell_target', { phase: 'made', running: false });
    story.answer('restore_source');
    expect([story.saga.status, kindsOf(story)]).toEqual(['failed', expect.arrayContaining(['release_connections'])]);
  });

  it('takes nothing again once it has ended', () => {
    const story = completed();
    for (const kind of ['arm_target', 'retain_source', 'receive_connections'] as const) story.answer(kind);
    story.refuse('forward_connections');
    expect(story.saga.retry).toEqual(['forward_connections']);
    story.feed({ type: 'host_deleted', host: 'host_b' });
    expect([story.saga.retry, kindsOf(story)]).toEqual([[], ['end_forwarding']]);
  });

  it('goes back to a source that does not answer in time, when the target is lost', () => {
    const story = completed();
    for (const kind of ['arm_target', 'retain_source', 'receive_connections', 'forward_connections'] as const)
      story.answer(kind);
    expect(story.feed({ type: 'resolve', resolution: 'target_lost' })).toBe(true);
    story.answer('check_retained');
    expect(kindsOf(story)).toEqual(['hold_connections']);
    story.feed({ type: 'agent_lost', host: 'host_a' });
    expect([story.saga.status, story.saga.rollback?.phase, kindsOf(story)]).toEqual(['rolling_back', 'halting', []]);
    story.pass(600_000);
    expect(kindsOf(story)).toEqual(['revive_source']);
  });

  it('is over when it is given up', () => {
    const story = atTheStop();
    story.answer('hold_connections');
    story.answer('stop_stack');
    story.refuse('send_volumes');
    for (let tries = 0; story.saga.status !== 'needs_attention'; tries++) {
      expect(tries).toBeLessThan(100);
      story.refuse('restore_source');
      story.pass(24 * 3_600_000);
    }
    story.feed({ type: 'resolve', resolution: 'give_up' });
    expect(kindsOf(story)).toContain('end_forwarding');
  });
});

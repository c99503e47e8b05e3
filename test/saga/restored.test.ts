import { describe, expect, it } from 'vitest';
import type { SourcePhase, TargetPhase } from '../../schema/commands/parts.ts';
import { limits } from '../../schema/limits.ts';
import type { Status } from '../../schema/migration-status.ts';
import { grantsLease } from '../../worker/saga/migration/lease-grant.ts';
import { newStory, plan, storyAt } from './story.ts';

/** A move whose record is that of its verification, while its hosts may be anywhere. */
function verifying() {
  const story = newStory();
  const forward = ['preparing', 'stopping', 'transferring', 'shipping', 'deploying'];
  story.feed({ type: 'preflight_passed', plan });
  while (forward.includes(story.saga.status)) for (const { kind } of story.saga.awaiting) story.answer(kind);
  expect(story.saga.status).toBe('verifying');
  return story;
}

describe('a record that is older than what its hosts know', () => {
  it('C8: asks both hosts in an epoch above theirs, and grants no lease until they have answered', () => {
    const story = verifying();
    const { saga } = story;
    expect(grantsLease(saga, saga.target, saga.epoch)).toBe(true);
    expect(grantsLease({ ...saga, distrust: true }, saga.target, saga.epoch)).toBe(false);
    story.feed({ type: 'restored' });
    expect(story.saga.awaiting.map(({ kind }) => kind)).toEqual(['tell_source', 'tell_target']);
    expect(story.saga.epoch).toBeGreaterThan(100);
    expect(grantsLease(story.saga, story.saga.target, story.saga.epoch)).toBe(false);
  });

  const ends: [TargetPhase, SourcePhase, Status, string[]][] = [
    ['leased', 'stopped', 'reverting', ['stop_target']],
    ['made', 'stopped', 'reverting', ['stop_target']],
    ['armed', 'retained', 'completed', ['retain_source']],
    ['leased', 'retained', 'completed', ['arm_target', 'retain_source']],
    ['halted', 'retained', 'rolling_back', ['stop_source']],
    ['halted', 'untouched', 'rolled_back', ['arm_source']],
    ['halted', 'stopped', 'rolling_back', ['halt_target']],
    ['armed', 'untouched', 'needs_attention', []],
  ];
  it.each(ends)('C8: the target %s, the source %s: %s', (target, source, status, kinds) => {
    const story = verifying();
    story.feed({ type: 'restored' });
    story.answer('tell_source', { phase: source });
    story.answer('tell_target', { phase: target, running: true });
    expect(story.saga.status).toBe(status);
    expect(story.saga.awaiting.map(({ kind }) => kind)).toEqual(kinds);
  });

  it('C8: a target that was being halted, or put back, is stopped for certain before its source starts', () => {
    const story = storyAt('completed');
    story.feed({ type: 'restored' });
    story.answer('tell_source', { phase: 'stopped' });
    story.answer('tell_target', { phase: 'halted' });
    for (const kind of ['halt_target', 'revive_source', 'verify_source', 'arm_source'] as const) {
      expect(story.saga.awaiting.map((command) => command.kind)).toEqual([kind]);
      story.answer(kind);
    }
    expect(story.saga.status).toBe('rolled_back');

    const committed = storyAt('rolled_back');
    committed.feed({ type: 'restored' });
    committed.answer('tell_source', { phase: 'stopped' });
    committed.answer('tell_target', { phase: 'halted' });
    expect(committed.saga.awaiting.map(({ kind }) => kind)).toEqual(['arm_source']);
  });

  it('C8: a rollback that went on after the backup is undone whole, if its source is lost then', () => {
    const story = storyAt('completed');
    for (const kind of ['arm_target', 'retain_source'] as const) story.answer(kind);
    story.feed({ type: 'rollback' });
    expect(story.saga.rollback?.phase).toBe('checking');
    story.feed({ type: 'restored' });
    story.answer('tell_source', { phase: 'untouched' });
    story.answer('tell_target', { phase: 'halted' });
    story.answer('arm_source');
    expect(story.saga.status).toBe('rolled_back');
    story.feed({ type: 'resolve', resolution: 'source_lost' });
    story.pass(limits.lease.leaseMs + limits.lease.marginMs);
    expect(story.saga.awaiting.map(({ kind }) => kind)).toEqual(['resume_target']);
  });

  it('C8: a target that is armed but runs nothing is armed again, not called completed for it', () => {
    const story = verifying();
    story.feed({ type: 'restored' });
    story.answer('tell_source', { phase: 'retained' });
    story.answer('tell_target', { phase: 'armed', running: false });
    expect(story.saga.awaiting.map(({ kind }) => kind)).toContain('arm_target');
    for (let tries = 0; tries < limits.undo.triesMax; tries += 1) {
      story.refuse('arm_target');
      story.pass(limits.undo.retryMs);
    }
    expect(story.saga.status).toBe('needs_attention');
  });

  it('C8: the source is the home again once a record that had been completed went back', () => {
    const story = storyAt('completed');
    expect(story.home).toBe(story.saga.target);
    story.feed({ type: 'rollback' });
    story.feed({ type: 'restored' });
    story.answer('tell_source', { phase: 'stopped' });
    story.answer('tell_target', { phase: 'leased' });
    story.answer('stop_target');
    story.answer('restore_source');
    expect(story.saga.status).toBe('failed');
    expect(story.home).toBe(story.saga.source);
  });

  it('C8: a person who declares a host lost ends the wait for its answer; the longest lease is waited for', () => {
    const lost = () => {
      const story = verifying();
      story.refuse('verify_health');
      story.feed({ type: 'restored' });
      return story;
    };
    const source = lost();
    source.feed({ type: 'agent_lost', host: source.saga.source });
    expect(source.saga.attention?.todo).toContain('their own records');
    source.feed({ type: 'resolve', resolution: 'source_lost' });
    expect(source.saga).toMatchObject({ status: 'deploying', telling: false });
    expect(grantsLease(source.saga, source.saga.target, source.saga.epoch)).toBe(true);
    source.refuse('deploy');
    expect(source.saga.status).toBe('reverting');

    const target = lost();
    target.feed({ type: 'agent_lost', host: target.saga.target });
    target.feed({ type: 'resolve', resolution: 'target_lost' });
    target.pass(limits.lease.leaseMs);
    expect(target.saga.undo?.phase).toBe('stop');
    target.pass(limits.lease.marginMs);
    expect(target.saga.awaiting.map(({ kind }) => kind)).toEqual(['restore_source']);
  });

  const dark = [
    ['halted', 'resume_target'],
    ['leased', 'arm_target'],
  ] as const;
  it.each(dark)(
    'C8: a completed target that is %s starts again once its silent source is lost, if the stack has not moved on',
    (phase, command) => {
      const silent = (phase: TargetPhase, moved_on = false) => {
        const story = storyAt('completed');
        story.answer('arm_target');
        story.answer('retain_source');
        story.feed({ type: 'restored' });
        story.answer('tell_target', { phase, running: true });
        story.now += limits.step.restoringMsMax;
        story.feed({ type: 'overdue', moved_on });
        return story;
      };
      expect(silent('armed').saga.status).toBe('completed');
      expect(silent(phase, true).saga.status).toBe('completed');
      const story = silent(phase);
      expect(story.saga.status).toBe('needs_attention');
      story.feed({ type: 'resolve', resolution: 'source_lost' });
      story.pass(limits.lease.leaseMs + limits.lease.marginMs);
      expect(story.saga.awaiting.map(({ kind }) => kind)).toEqual([command]);
      story.answer(command);
      expect(story.saga).toMatchObject({ status: 'completed', source_lost: true });
    },
  );
});

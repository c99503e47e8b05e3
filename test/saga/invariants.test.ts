import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CommandKind, commandKindNames } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { isTerminal, statuses } from '../../schema/migration-status.ts';
import type { Saga, SagaCommand } from '../../schema/saga.ts';
import { newStory, plan, type Story } from './story.ts';

type Act = (story: Story) => unknown;

/** Random events, good and bad, awaited or not, in any order and at any time. */
const act: fc.Arbitrary<Act> = fc.oneof(
  {
    weight: 40,
    arbitrary: fc.nat(3).map(
      (n): Act =>
        (story) =>
          awaited(story, n, story.answer),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.nat(3).map(
      (n): Act =>
        (story) =>
          awaited(story, n, story.refuse),
    ),
  },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...commandKindNames).map(
      (kind): Act =>
        (story) =>
          story.answer(kind),
    ),
  },
  {
    weight: 2,
    arbitrary: fc.nat(100_000).map(
      (ms): Act =>
        (story) =>
          story.pass(ms),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Act>((story) => story.feed({ type: 'cancel' })) },
  { weight: 9, arbitrary: fc.constant<Act>((story) => story.feed({ type: 'preflight_passed', plan })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('host_a', 'host_b').map(
      (host): Act =>
        (story) =>
          story.feed({ type: 'agent_lost', host }),
    ),
  },
);
const course = fc.array(act, { minLength: 20, maxLength: 60 });

function awaited(story: Story, n: number, answer: (kind: CommandKind) => boolean): boolean {
  const { awaiting } = story.saga;
  const command = awaiting[n % awaiting.length];
  return command ? answer(command.kind) : false;
}

describe('random events in any order', () => {
  it('reach every status, so the next test means something', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(course, (acts) => {
        const story = newStory();
        for (const one of acts) {
          one(story);
          seen.add(story.saga.status);
        }
      }),
      { numRuns: 1_500, seed: 1 },
    );
    expect([...statuses].filter((status) => !seen.has(status))).toEqual([]);
  });

  it('break no invariant of the saga', { timeout: 60_000 }, () => {
    fc.assert(
      fc.property(course, (acts) => {
        const story = newStory();
        let revertedAt = 0;
        for (const one of acts) {
          const before = story.saga;
          const sent = story.sent.length;
          one(story);
          if (story.saga.epoch > before.epoch) revertedAt = story.now;
          holds(before, story, story.sent.slice(sent), revertedAt);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

/** The design's invariants, as far as the saga alone can break them. */
function holds(before: Saga, story: Story, fresh: SagaCommand[], revertedAt: number): void {
  const { saga } = story;
  const sends = (kind: CommandKind) => fresh.some((command) => command.kind === kind);

  // 1: the target starts only after the source said that it stopped.
  assert(!sends('deploy') || saga.results.stop_stack);
  // 1: the source starts only when the target said that it stopped, or its lease and the margin are over.
  if (sends('restore_source') && before.undo?.phase === 'stop_target') {
    const leaseOver = story.now - revertedAt >= limits.lease.leaseMs + limits.lease.marginMs;
    assert(saga.results.stop_target || (before.undo.failures === 0 && leaseOver));
  }
  // 2 and 6: a terminal state is never left; after a stop it is reached with the source running or the target healthy.
  if (isTerminal(before.status)) assert.equal(saga.status, before.status);
  else if (isTerminal(saga.status) && saga.steps.stopping)
    assert(saga.status === 'completed' ? saga.results.verify_health : saga.results.restore_source);
  // 4: no completion without proof for every volume.
  if (saga.status === 'completed') assert.equal(saga.results.receive_volumes?.proofs.length, plan.volumes.length);
  // 5: a completed migration's target is never cleaned, its source never started.
  if (saga.status === 'completed')
    assert(!story.sent.some(({ kind }) => kind === 'restore_source' || kind === 'cleanup_target'));
  // What is under way always waits for something that will come: an answer, or a deadline.
  assert(isTerminal(saga.status) || saga.awaiting.length > 0 || saga.deadline_at !== null);
  // Command ids are used once; epochs never fall.
  assert.equal(new Set(story.sent.map(({ id }) => id)).size, story.sent.length);
  assert(saga.epoch >= before.epoch);
}

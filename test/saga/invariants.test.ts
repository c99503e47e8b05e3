import assert from 'node:assert/strict';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type CommandKind, commandKindNames } from '../../schema/commands.ts';
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
  { weight: 3, arbitrary: fc.constant<Act>((story) => story.feed({ type: 'cutover', at: null })) },
  { weight: 6, arbitrary: fc.constant<Act>((story) => story.feed({ type: 'rollback' })) },
  { weight: 1, arbitrary: fc.constant<Act>((story) => story.feed({ type: 'retry', stopped: false })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('source', 'target').map(
      (side): Act =>
        (story) =>
          story.feed({ type: 'purge', side }),
    ),
  },
  { weight: 1, arbitrary: fc.constant<Act>((story) => story.feed({ type: 'remind', per_minute: null })) },
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

/** A third of them holds, a third stops after its last pass. */
const optionsOf = (acts: Act[]) =>
  acts.length % 3 === 0 ? {} : ({ mode: 'pre-copy', verify: 'content', hold: acts.length % 3 === 1 } as const);

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
        const story = newStory(optionsOf(acts));
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
        const story = newStory(optionsOf(acts));
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

  // Nothing that holds is stopped before a cutover.
  assert(!sends('stop_stack') || !saga.held || saga.held.cutting_over);
  // Nothing that was copied ahead is stopped before a last pass.
  assert(!sends('stop_stack') || saga.mode === 'stop-copy' || (saga.results.pass_source && saga.results.pass_target));
  // 1: the target starts only after the source said that it stopped.
  assert(!sends('deploy') || saga.results.stop_stack);
  // 1: one side starts only when the other said that it stopped, or its lease and the margin are over.
  const leaseOver = story.now - revertedAt >= limits.lease.leaseMs + limits.lease.marginMs;
  if (sends('restore_source') && before.undo?.phase === 'stop')
    assert(saga.results.stop_target || (!before.undo.stop_refused && leaseOver));
  if (sends('revive_source')) assert(saga.results.halt_target);
  if (sends('resume_target') && before.undo?.phase === 'stop')
    assert(saga.results.stop_source || (!before.undo.stop_refused && leaseOver));
  // 2 and 6: of the terminal states only `completed` is ever left, by a rollback in its window; after a stop one is
  // reached only with a side that said it runs.
  if (isTerminal(before.status) && saga.status !== before.status) {
    assert.equal(`${before.status} ${saga.status}`, 'completed rolling_back');
    assert(before.window && story.now < before.window.ends_at && before.window.source_purge === null);
  } else if (isTerminal(saga.status) && saga.steps.stopping) {
    if (saga.status === 'completed') assert(saga.results.verify_health);
    else if (saga.status === 'rolled_back') assert(saga.results.verify_source);
    else assert(saga.results.restore_source);
  }
  // 4: no completion without proof for every volume.
  if (saga.status === 'completed') assert.equal(saga.results.receive_volumes?.proofs.length, plan.volumes.length);
  // 5: a completed migration's target is never cleaned; nothing is deleted that nobody asked for.
  if (saga.window) assert(!story.sent.some(({ kind }) => kind === 'cleanup_target' || kind === 'restore_source'));
  if (sends('purge_source')) assert(saga.window?.source_purge && saga.status === 'completed');
  if (sends('purge_target')) assert(saga.window?.target_purge && saga.status === 'rolled_back');
  // What is under way always waits for something that will come: an answer, or a deadline.
  assert(isTerminal(saga.status) || saga.awaiting.length > 0 || saga.deadline_at !== null);
  // Command ids are used once; epochs never fall.
  assert.equal(new Set(story.sent.map(({ id }) => id)).size, story.sent.length);
  assert(saga.epoch >= before.epoch);
}

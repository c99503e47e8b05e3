import fc from 'fast-check';
import { expect, it } from 'vitest';
import { type CommandKind, commandKindNames } from '../../schema/agent-protocol.ts';
import { isTerminal, statuses } from '../../schema/migration-status.ts';
import { newStory, plan, type Story } from './story.ts';

/** Random events, good and bad, in any order and at any time, against the invariants of the design. */
const event = fc.oneof(
  { weight: 40, arbitrary: fc.nat(3).map((n) => (story: Story) => awaited(story, n, (kind) => story.answer(kind))) },
  { weight: 2, arbitrary: fc.nat(3).map((n) => (story: Story) => awaited(story, n, (kind) => story.refuse(kind))) },
  { weight: 1, arbitrary: fc.constantFrom(...commandKindNames).map((kind) => (story: Story) => story.answer(kind)) },
  { weight: 2, arbitrary: fc.nat(100_000).map((ms) => (story: Story) => story.pass(ms)) },
  { weight: 1, arbitrary: fc.constant((story: Story) => story.feed({ type: 'cancel' })) },
  { weight: 2, arbitrary: fc.constant((story: Story) => story.feed({ type: 'preflight_passed', plan })) },
  {
    weight: 1,
    arbitrary: fc.constantFrom('host_a', 'host_b').map((host) => (story: Story) => story.feed({ type: 'agent_lost', host })),
  },
);

function awaited(story: Story, n: number, act: (kind: CommandKind) => boolean): boolean {
  const { awaiting } = story.saga;
  const command = awaiting[n % awaiting.length];
  return command ? act(command.kind) : false;
}

it('random events reach every status, so the next test means something', () => {
  const seen = new Set<string>();
  fc.assert(
    fc.property(fc.array(event, { minLength: 20, maxLength: 120 }), (events) => {
      const story = newStory();
      for (const act of events) {
        act(story);
        seen.add(story.saga.status);
      }
    }),
    { numRuns: 3_000, seed: 1 },
  );
  expect([...statuses].filter((status) => !seen.has(status))).toEqual([]);
});

it('no order of events breaks an invariant of the saga', () => {
  fc.assert(
    fc.property(fc.array(event, { minLength: 20, maxLength: 120 }), (events) => {
      const story = newStory();
      const ended: string[] = [];
      let stopAnswered = false;
      let deployEpochOver = 0;
      for (const act of events) {
        const before = story.saga;
        const sentBefore = story.sent.length;
        act(story);
        const { saga } = story;
        const fresh = story.sent.slice(sentBefore);
        if (saga.results.stop_stack) stopAnswered = true;

        // 1: the target starts only after the source said it stopped; the source only after the target is known stopped.
        if (fresh.some(({ kind }) => kind === 'deploy')) expect(stopAnswered).toBe(true);
        if (saga.epoch > before.epoch) deployEpochOver = story.now;
        if (fresh.some(({ kind }) => kind === 'restore_source') && saga.steps.deploying && before.undo?.phase === 'stop_target') {
          const confirmed = saga.results.stop_target !== undefined;
          expect(confirmed || (before.undo.failures === 0 && story.now - deployEpochOver >= 75_000)).toBe(true);
        }
        // 2 and 6: a terminal state is reached once and never left.
        if (isTerminal(saga.status) && !isTerminal(before.status)) ended.push(saga.status);
        expect(ended.length).toBeLessThanOrEqual(1);
        if (ended.length > 0) expect(saga.status).toBe(ended[0]);
        // 2: an end after the stop is an end with the source seen running, or the target healthy.
        if (ended.length > 0 && saga.status !== 'completed' && saga.steps.stopping)
          expect(saga.results.restore_source).toBeDefined();
        // 4: no completion without the proofs of every volume.
        if (saga.status === 'completed') {
          expect(saga.results.receive_volumes?.proofs.length).toBe(plan.volumes.length);
          expect(saga.results.verify_health).toBeDefined();
          expect(story.sent.some(({ kind }) => kind === 'restore_source' || kind === 'cleanup_target')).toBe(false);
        }
        // An active migration always waits for something: an answer, a deadline, or the pre-flight.
        if (!isTerminal(saga.status)) expect(saga.awaiting.length > 0 || saga.deadline_at !== null).toBe(true);
        // Command ids are never used twice; epochs never fall.
        expect(new Set(story.sent.map(({ id }) => id)).size).toBe(story.sent.length);
        expect(saga.epoch).toBeGreaterThanOrEqual(before.epoch);
      }
    }),
    { numRuns: 3_000 },
  );
});

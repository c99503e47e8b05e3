import type { Saga } from '../../schema/saga.ts';
import { hourMs, type Scenario, type Story, secondMs } from './story.ts';

const copiedAhead = (act: (story: Story) => void): Scenario =>
  Object.assign(act, { start: { mode: 'pre-copy' as const, verify: 'content' as const, hold: false } });

const awaits = ({ awaiting }: Saga, kinds: RegExp) => awaiting.some(({ kind }) => kinds.test(kind));

/** Until the last pass is under way. */
function untilPassing({ until, row, assert }: Story): void {
  until('it passes for the last time', ({ saga }) => awaits(saga, /^pass_/));
  const { results, last_passes } = row().saga;
  assert(results.stage_target !== undefined && last_passes === 1, 'it should come last');
}

/** It came to its end by passes that arrived, and the target runs. */
function assertMoved({ target, row, assert, runs }: Story): void {
  const { pass_source, pass_target } = row().saga.results;
  assert(runs(target), 'the target should run');
  assert(pass_target !== undefined, 'it should have passed once more before the stop');
  const isRemembered = pass_source?.passes.every(({ bytes }) => bytes.length > 0) ?? false;
  assert(isRemembered, 'what it passed should not be forgotten');
}

/** The last pass of a pre-copy that does not hold. */
export const lastPassScenarios: { [name: string]: Scenario } = {
  'a last pass outlives the death of each of its actors': copiedAhead((story) => {
    const { source, target, world } = story;
    const { seed } = world.options;
    const deaths = [
      () => source.killAgent('while it passes'),
      () => target.killAgent('while it passes'),
      () => world.control.crash(),
    ];
    untilPassing(story);
    // At its beginning, in its middle, or when it has ended.
    story.pass((seed % 7) * 0.4 * secondMs);
    deaths[seed % deaths.length]!();
    story.pass(20 * secondMs);
    source.startAgent();
    target.startAgent();
    world.control.restart();
    story.untilStatus('completed');
    assertMoved(story);
  }),

  'a last pass that fails is repeated while the stack runs': copiedAhead((story) => {
    const { source, world, row, assert, runs } = story;
    untilPassing(story);
    world.relay.up = false;
    story.until('it passes again', ({ saga }) => saga.last_passes > 1, hourMs);
    assert(row().status === 'preparing' && runs(source), 'nothing should be stopped');
    world.relay.up = true;
    story.untilStatus('completed');
    assertMoved(story);
  }),

  'a stack that is deployed again while it is copied is moved': copiedAhead((story) => {
    const { source, person, world } = story;
    const stack = world.stacks[0]!;
    story.until('its containers are made', ({ saga }) => awaits(saga, /^stage_/));
    person.down(source, stack);
    person.up(source, stack);
    story.untilStatus('completed');
    assertMoved(story);
  }),
};

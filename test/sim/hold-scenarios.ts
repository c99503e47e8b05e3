import { limits } from '../../schema/limits.ts';
import { hourMs, minuteMs, type Scenario, type Story, secondMs } from './story.ts';

const held = (act: (story: Story) => void): Scenario =>
  Object.assign(act, { start: { mode: 'pre-copy' as const, verify: 'content' as const, hold: true } });

/** How old a copy may be: a pause, and what a round takes here at most, its lane cut and taken up again. */
const ageMsMax = limits.hold.passMsMax + minuteMs;

const ageOf = ({ row }: Story): number => Date.now() - (row().saga.held?.last?.ended_at ?? 0);

/** Until a round has arrived. */
function untilHeld(story: Story): void {
  story.until('a round has arrived', ({ status, saga }) => status === 'holding' && saga.held?.last !== null);
}

/** Spec 13: a migration that holds, and is cut over by request. */
export const holdScenarios: { [name: string]: Scenario } = {
  'a hold of a day keeps its copy near, and ends with the cutover': held((story) => {
    const { source, target, operator, world, row, assert, runs } = story;
    untilHeld(story);
    // A day takes ten seconds.
    const hours = world.options.seed % 10 === 3 ? 24 : 1;
    for (let minutes = 0; minutes < hours * 60; minutes++) {
      story.pass(minuteMs);
      assert(row().status === 'holding', `it is ${row().status}`);
      assert(ageOf(story) <= ageMsMax, `its copy is ${ageOf(story) / 1000} s old`);
    }
    assert(runs(source) && !runs(target), 'the source alone should run');
    operator.ask(world.stacks[0]!, 'cutover');
    story.untilStatus('completed');
    assert(runs(target), 'the target should run');
  }),

  'a hold outlives the death of each of its actors': held((story) => {
    const { source, target, operator, world, row, assert, runs } = story;
    const deaths = [
      () => source.killAgent('while it holds'),
      () => target.killAgent('while it holds'),
      () => world.control.crash(),
    ];
    untilHeld(story);
    for (const [index, die] of deaths.entries()) {
      // In a pass, or in a pause.
      story.pass(world.options.seed * 7 * secondMs + index * 13 * secondMs);
      die();
      story.pass(20 * secondMs);
      source.startAgent();
      target.startAgent();
      world.control.restart();
      const { rounds = 0 } = row().saga.held ?? {};
      story.until('it passes again', ({ saga }) => (saga.held?.rounds ?? 0) > rounds && saga.awaiting.length === 0);
      assert(row().status === 'holding' && runs(source), `it is ${row().status}`);
    }
    operator.ask(world.stacks[0]!, 'cutover');
    story.untilStatus('completed');
    assert(runs(target), 'the target should run');
  }),

  'a cutover and a cancel at once': held((story) => {
    const { source, target, operator, world, row, assert, runs } = story;
    const stack = world.stacks[0]!;
    untilHeld(story);
    operator.ask(stack, 'cutover');
    story.pass(world.options.seed * 100);
    operator.ask(stack, 'cancel');
    story.until('it has ended', ({ status }) => status === 'cancelled' || status === 'completed');
    assert(runs(row().status === 'completed' ? target : source), 'the side that it says should run');
  }),

  'a cutover while a host is lost': held((story) => {
    const { source, target, operator, world, row, assert, runs } = story;
    const lost = world.options.seed % 2 ? source : target;
    untilHeld(story);
    lost.powerOff('while it holds');
    operator.ask(world.stacks[0]!, 'cutover');
    story.until('it has ended', ({ status }) => status !== 'holding', hourMs);
    assert(row().status === 'failed' && !row().saga.steps.stopping, `it is ${row().status}`);
    lost.powerOn();
    assert(lost === source || runs(source), 'the source should run on');
  }),

  'a host that reboots while it holds': held((story) => {
    const { source, target, operator, world, row, assert, runs } = story;
    const host = world.options.seed % 2 ? source : target;
    untilHeld(story);
    host.powerOff('a new kernel');
    story.pass(3 * minuteMs);
    host.powerOn();
    const { rounds = 0 } = row().saga.held ?? {};
    story.until('it passes again', ({ saga }) => (saga.held?.rounds ?? 0) > rounds && saga.held?.tries === 0);
    if (host === source) return;
    operator.ask(world.stacks[0]!, 'cutover');
    story.untilStatus('completed');
    assert(runs(target), 'the target should run');
  }),

  'a hold whose database is restored': held((story) => {
    const { source, target, operator, world, assert, runs } = story;
    untilHeld(story);
    const backup = world.control.backup();
    const cutOver = world.options.seed % 4 < 2;
    if (cutOver) {
      operator.ask(world.stacks[0]!, 'cutover');
      story.untilStatus('completed');
    } else story.pass(hourMs);
    story.pass(minuteMs);
    world.control.restore(backup, world.options.seed % 2 === 0);
    story.until(
      'its hosts were heard',
      ({ status, saga }) => !saga.telling && status === (cutOver ? 'completed' : 'failed'),
    );
    story.pass(minuteMs);
    assert(runs(cutOver ? target : source), 'the side that it says should run');
  }),

  'a stack that is taken down and brought up while it holds': held((story) => {
    const { source, person, operator, world, row, assert, runs } = story;
    const stack = world.stacks[0]!;
    untilHeld(story);
    person.down(source, stack);
    story.until('it is noticed', ({ saga }) => (saga.held?.changes.length ?? 0) > 0);
    operator.ask(stack, 'cutover');
    story.pass(minuteMs);
    assert(row().status === 'holding' && !row().saga.held?.cutting_over, 'it should not be cut over');
    person.up(source, stack);
    story.pass(2 * limits.hold.passMsMax);
    operator.ask(stack, 'cutover');
    story.pass(minuteMs);
    assert(row().status === 'holding' && runs(source), 'it should hold, and the stack run as the person wants it');
  }),
};

import { strike, type Victim } from './deaths.ts';
import type { Verdict } from './run.ts';
import { minuteMs, type Story, secondMs, tell } from './story.ts';

const backMs = 3 * secondMs;

/** A whole life: moved, rolled back, its leftovers purged. */
function wholeLife(story: Story): void {
  const { operator, world, row } = story;
  const stack = world.stacks[0]!;
  const ended = () => ['completed', 'failed', 'rolled_back'].includes(row()?.status ?? '');
  const idle = () => ended() && row().saga.awaiting.length === 0 && row().saga.deadline_at === null;
  world.runUntil(idle, 60 * minuteMs);
  operator.ask(stack, 'rollback');
  story.pass(2 * secondMs);
  world.runUntil(idle, 60 * minuteMs);
  operator.ask(stack, 'purge target');
  story.pass(2 * secondMs);
  world.runUntil(idle, 60 * minuteMs);
}

/** How many points of it somebody may die at: before and after each record, each act on an engine. */
export function countPoints(seed: number): number {
  let points = 0;
  tell(seed, (story) => {
    story.world.onCrashPoint = () => {
      points += 1;
    };
    wholeLife(story);
    story.world.onCrashPoint = null;
  });
  return points;
}

export function crashAt(seed: number, point: number, who: Victim, trace?: (line: string) => void): Verdict {
  return tell(
    seed,
    (story) => {
      let passed = 0;
      story.world.onCrashPoint = (what, actor) => {
        passed += 1;
        if (passed !== point) return;
        strike(story.world, who, what, actor, backMs);
      };
      wholeLife(story);
      story.world.onCrashPoint = null;
    },
    trace && { trace },
  );
}

import { type Blow, strike } from './deaths.ts';
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

export function crashAt(seed: number, point: number, who: Blow, trace?: (line: string) => void): Verdict {
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

const isCommit = (what: string) => what.startsWith('after commit') || what.startsWith('after insert');

/** How many transitions it has. */
export function countCommits(seed: number): number {
  let commits = 0;
  tell(seed, (story) => {
    story.world.onCrashPoint = (what) => {
      if (isCommit(what)) commits += 1;
    };
    wholeLife(story);
    story.world.onCrashPoint = null;
  });
  return commits;
}

/** After transition `to` the control plane falls back to what it was after transition `from`. */
export function restoreAt(
  seed: number,
  { from, to, whole }: { from: number; to: number; whole: boolean },
  trace?: (line: string) => void,
): Verdict {
  return tell(
    seed,
    (story) => {
      const { control, time } = story.world;
      let passed = 0;
      let backup: ReturnType<typeof control.backup> | null = null;
      story.world.onCrashPoint = (what) => {
        if (!isCommit(what)) return;
        passed += 1;
        if (passed === from) backup = control.backup();
        if (passed === to) time.after(0, null, () => backup && control.restore(backup, whole));
      };
      wholeLife(story);
      story.world.onCrashPoint = null;
    },
    trace && { trace },
  );
}

import type { Actor } from './clock.ts';
import type { Verdict } from './run.ts';
import { minuteMs, type Story, secondMs, tell } from './story.ts';
import type { World } from './world.ts';

const backMs = 3 * secondMs;

/** Who dies at a point, and comes back a little later. */
export const victims: { [who: string]: (world: World, actor: Actor) => void } = {
  'the one that acts': (world, actor) => {
    const [kind, of] = actor.name.split('.') as [string, string];
    if (kind === 'object') return world.control.evict(of);
    if (kind === 'link') return world.control.evictLink(of);
    world.time.kill(actor);
    world.time.after(backMs, null, () => world.host(kind).startAgent());
  },
  'both agents and every object': (world) => {
    for (const { id } of world.stacks) world.control.evict(id);
    for (const host of world.hosts) {
      host.killAgent('all at once');
      world.time.after(backMs, null, () => host.startAgent());
    }
    world.relay.up = false;
    world.time.after(backMs, null, () => {
      world.relay.up = true;
    });
  },
  'every machine': (world) => {
    world.control.crash();
    world.time.after(backMs, null, () => world.control.restart());
    for (const host of world.hosts) {
      host.powerOff('all at once');
      world.time.after(backMs + secondMs, null, () => host.powerOn());
    }
  },
};

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

export function crashAt(seed: number, point: number, who: string, trace?: (line: string) => void): Verdict {
  return tell(
    seed,
    (story) => {
      let passed = 0;
      story.world.onCrashPoint = (what, actor) => {
        passed += 1;
        if (passed !== point) return;
        story.world.trace('crash', `${who}, ${what} (${actor.name})`);
        victims[who]!(story.world, actor);
      };
      wholeLife(story);
      story.world.onCrashPoint = null;
    },
    trace,
  );
}

import { isTerminal, type Status } from '../../schema/migration-status.ts';
import type { MigrationRow } from '../../worker/saga/migration/ports.ts';
import type { StartInput } from '../../worker/saga/migration/start.ts';
import { Operator } from './operator.ts';
import { Person } from './person.ts';
import { inWorld, settle, type Verdict } from './run.ts';
import type { World, WorldOptions } from './world.ts';

export const secondMs = 1_000;
export const minuteMs = 60_000;
export const hourMs = 60 * minuteMs;

/** One stack, moved from its home to the other host, and what may be done to them meanwhile. */
export interface Story {
  world: World;
  operator: Operator;
  person: Person;
  source: World['hosts'][number];
  target: World['hosts'][number];
  row(): MigrationRow;
  /** Until the migration is so; a violation where that takes longer than the bound. */
  until(what: string, holds: (row: MigrationRow) => boolean, ms?: number): void;
  untilStatus(status: Status, ms?: number): void;
  pass(ms: number): void;
  runs(host: World['hosts'][number]): boolean;
  assert(holds: boolean, what: string): void;
}

/** What happens in a story; `start`: how the migration is asked for. */
export type Scenario = ((story: Story) => void) & { start?: Partial<StartInput> };

/** Tells one story from the moment that the move is asked for, and lets everything come to its end afterwards. */
export function tell(seed: number, act: Scenario, options: Pick<WorldOptions, 'trace' | 'plant'> = {}): Verdict {
  return inWorld({ seed, hosts: 2, stacks: 1, ...options }, (world) => {
    const stack = world.stacks[0]!;
    const source = world.host(stack.home);
    const target = world.hosts.find((host) => host !== source)!;
    const operator = new Operator(world);
    const row = () => [...world.control.store.rows.values()].at(-1)!;
    const story: Story = {
      world,
      operator,
      person: new Person(world),
      source,
      target,
      row,
      until: (what, holds, ms = 10 * minuteMs) => {
        if (!world.runUntil(() => row() !== undefined && holds(row()), ms))
          world.violate(`waited ${ms / 1000} s until ${what}; it is ${row()?.status}`);
      },
      untilStatus: (status, ms) => story.until(`it is ${status}`, (now) => now.status === status, ms),
      pass: (ms) => void world.runUntil(() => false, ms),
      runs: (host) => host.containers.of(stack.project).some(({ state, spec }) => state === 'running' && !spec.oneShot),
      assert: (holds, what) => {
        if (!holds) world.violate(what);
      },
    };
    // Jobs have ended, and every agent is known.
    world.runUntil(() => false, 30 * secondMs);
    operator.start(stack, target.id, act.start);
    act(story);
    settle(world);
    if (!isTerminal(row().status)) world.violate(`it is ${row().status} at the end`);
  });
}

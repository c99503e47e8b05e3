import { isTerminal, type Status } from '../../schema/migration-status.ts';
import type { MigrationRow } from '../../worker/saga/migration/ports.ts';
import { installVirtualTime, useTime } from './clock.ts';
import { crashCode, type SimContainer } from './containers.ts';
import { strike, victims } from './deaths.ts';
import { faultNames, happen, heal, holdUpMsMax, stepFaults } from './faults.ts';
import { Operator } from './operator.ts';
import { Person } from './person.ts';
import type { Plant } from './planted.ts';
import { raise } from './setting.ts';
import type { StackSpec } from './stacks.ts';
import { Violation, World, type WorldOptions } from './world.ts';

const minuteMs = 60_000;
/** From the last fault until everything must have come to its end. */
const settleMs = 4 * 60 * minuteMs;

/** A decision may take a rollback, which may fail and ask for another. */
const lossRoundMs = 12 * minuteMs;
const lossRoundsMax = 8;

/** At each persisted transition, in half of the runs. */
const deathChance = 0.005;

let current: World | null = null;
installVirtualTime(() => current?.random.next() ?? 0);

/** How the migrations of all random runs of this process ended: where none completes, the invariants say little. */
export const ends: { [S in Status]?: number } = {};

/** What went wrong, or null. */
export type Verdict = string | null;

/** Makes a world and lets `story` run it, with its time as the process's. */
export function inWorld(options: WorldOptions, story: (world: World) => void): Verdict {
  const world = new World(options);
  current = world;
  useTime(world.time);
  try {
    raise(world);
    story(world);
    return world.violation?.message ?? null;
  } catch (error) {
    if (error instanceof Violation) return error.message;
    return `${error instanceof Error ? error.stack : error}`;
  } finally {
    useTime(null);
    current = null;
  }
}

/** Many stacks at once, operators, and faults of every kind at random; then peace, in which all must come to its end. */
export function randomRun(seed: number, options: { trace?: (line: string) => void; plant?: Plant } = {}): Verdict {
  const size = { hosts: 2 + (seed % 2), stacks: 1 + (seed % 3), ordered: seed % 4 < 2 };
  return inWorld({ seed, ...size, ...options }, (world) => {
    const { random, time, stacks, hosts } = world;
    const operator = new Operator(world);
    const endMs = random.between(8, 25) * minuteMs;
    const at = (ms: number, act: () => void) => time.after(ms, null, act);
    for (const stack of stacks) {
      at(random.between(0.2, 2) * minuteMs, () => operator.start(stack, random.pick(hosts).id, optionsOf(world)));
      for (let ms = random.between(1, 4) * minuteMs; ms < endMs; ms += random.between(0.5, 4) * minuteMs)
        at(ms, () => {
          if (random.chance(0.4)) operator.start(stack, random.pick(hosts).id, optionsOf(world));
          else
            operator.ask(
              stack,
              random.pick([
                'cancel',
                'cutover',
                'cutover',
                'rollback',
                'rollback',
                'retry',
                'purge source',
                'purge target',
                'end forwarding',
              ]),
            );
        });
    }
    const eventful = random.chance(0.6);
    const often = random.between(0.2, 3) * minuteMs;
    for (let ms = random.between(0.1, 2) * minuteMs; ms < endMs; ms += random.between(0.05, 2) * often)
      at(ms, () => happen(world, random.pick(faultNames), durationOf(world)));
    world.onStatus = ({ source_host_id, target_host_id }) => {
      if (!eventful || !random.chance(0.2)) return;
      const involved = [world.host(source_host_id), world.host(target_host_id)];
      at(random.longTail(1, 20_000), () => happen(world, random.pick(stepFaults), durationOf(world), involved));
    };
    const deadly = random.chance(0.5) ? deathChance : 0;
    world.onCrashPoint = (what, actor) => {
      if (!random.chance(deadly)) return;
      const who = random.chance(0.7) ? 'the one that acts' : random.pick(victims);
      strike(world, who, what, actor, random.longTail(500, 2 * minuteMs));
    };
    world.runUntil(() => false, endMs);
    heal(world);
    world.runUntil(() => false, holdUpMsMax);
    settle(world);
    if (seed % 5 === 0) {
      world.runUntil(() => false, 2.5 * 60 * minuteMs);
      world.course.assertReminded();
    }
    for (const { status } of world.control.store.rows.values()) ends[status] = (ends[status] ?? 0) + 1;
  });
}

/** Most faults are short; those as long as leases and deadlines are the interesting ones. */
const durationOf = ({ random }: World) =>
  random.chance(0.5) ? random.longTail(1_000, 12 * minuteMs) : random.between(10_000, 4 * minuteMs);

const windowOf = ({ random }: World) => ({
  window_ms: random.between(1, 30) * minuteMs,
  health_timeout_s: 30,
  forward: random.chance(1 / 3),
});

/** A third forwards its old address; a third copies while the stack runs; half of those hold, and some cut over by themselves. */
function optionsOf(world: World) {
  const { random } = world;
  const window = windowOf(world);
  if (!random.chance(1 / 3)) return window;
  const cut_over_at = random.chance(0.5) ? Date.now() + random.between(1, 10) * minuteMs : null;
  return { ...window, mode: 'pre-copy' as const, verify: 'content' as const, hold: random.chance(0.5), cut_over_at };
}

/** Everything ends, and what ended is as it says. */
export function settle(world: World): void {
  const { control, time } = world;
  // An operator who is asked to mend something, and for whom all is mended, says so.
  const operator = new Operator(world);
  const rows = () => [...control.store.rows.values()];
  const open = () =>
    rows().filter(({ status, saga }) => !isTerminal(status) || saga.deadline_at !== null || saga.awaiting.length > 0);
  let askedAt = Number.NEGATIVE_INFINITY;
  const patient = () => {
    // Asked at every event, a control plane that is cut off would only ever be asked.
    if (time.now - askedAt >= 1_000) {
      askedAt = time.now;
      endHolds(world, operator);
    }
    return open().length === 0;
  };
  settleLosses(world, operator);
  if (!world.runUntil(patient, settleMs / 2)) {
    for (const stack of world.stacks) operator.ask(stack, isHopeless(world, stack) ? 'give_up' : 'retry');
    for (const row of open()) freeWhatIsHeld(world, row);
    if (!world.runUntil(patient, settleMs / 2)) world.violate(`Invariant 2: it does not end: ${open().map(stateOf)}`);
  }
  // Inventories have been told, and starts that were owed have been made.
  world.runUntil(() => false, 2 * minuteMs);
  world.course.assertCopiesNoticed();
  world.connections.assertSettled();
  for (const stack of world.stacks) {
    if (isGone(world, stack.id)) continue;
    assertRuns(world, stack.id, stack.project);
    world.names.assertLeadHome(stack);
  }
  if (open().length > 0) world.violate(`it began again by itself: ${open().map(({ id }) => id)}`);
  world.trace('end', `at ${Math.round(time.now / 1000)} s: ${rows().map(({ status }) => status)}`);
}

/** What holds is cut over, or cancelled where its stack is no longer what it was. */
function endHolds(world: World, operator: Operator): void {
  for (const { stack_id, status, saga } of world.control.store.rows.values()) {
    if (status !== 'holding' || saga.held?.cutting_over) continue;
    const stack = world.stacks.find(({ id }) => id === stack_id);
    if (stack && saga.awaiting.length === 0) operator.ask(stack, saga.held?.changes.length ? 'cancel' : 'cutover');
  }
}

/** A person deleted its data somewhere, or its hosts' records do not fit together after a backup was restored. */
const isHopeless = (world: World, { id, project }: StackSpec): boolean =>
  world.truth.isWiped(project) || (world.control.store.newestOf(id)?.saga.restorations ?? 0) > 0;

/** Who brought a copy up on what a clean-up is to remove takes it down when told that it is in the way. */
function freeWhatIsHeld(world: World, { stack_id, target_host_id, saga }: MigrationRow): void {
  const stack = world.stacks.find(({ id }) => id === stack_id);
  if (stack && saga.results.cleanup_target?.remaining.length) new Person(world).down(world.host(target_host_id), stack);
}

const stateOf = ({ id, status, saga: { awaiting, retry, deadline_at } }: MigrationRow) =>
  `${id} is ${status}, waits for ${awaiting.map(({ kind }) => kind)}, retries ${retry} at ${deadline_at}`;

/** Where hosts burnt down: a person decides what becomes of each migration that waits for one, then deletes the hosts. */
function settleLosses(world: World, operator: Operator): void {
  const lost = world.hosts.filter((host) => host.lost);
  if (lost.length === 0) return;
  for (let rounds = 0; rounds < lossRoundsMax; rounds++) {
    world.runUntil(() => false, lossRoundMs);
    for (const stack of world.stacks) operator.resolveLoss(stack, rounds >= lossRoundsMax / 2);
    world.runUntil(() => false, lossRoundMs);
    if (lost.every(({ id, deleted }) => deleted || operator.deleteHost(id))) return;
  }
  world.violate(`Invariant 2: whatever is decided, something waits for ${lost.map(({ id }) => id)}`);
}

/** No copy of it is left that could run: both burnt down, or a person gave it up. */
function isGone(world: World, stackId: string): boolean {
  return (
    world.control.store.newestOf(stackId)?.saga.failure?.code === 'given_up' ||
    world.control.store.newestMove(stackId)?.saga.failure?.code === 'given_up' ||
    world.host(world.control.store.homes.get(stackId) ?? '').lost
  );
}

/** Invariant 2: all of the side that is said to run does, unless its machine went down since it came there. */
function assertRuns(world: World, stackId: string, project: string): void {
  const home = world.host(world.control.store.homes.get(stackId) ?? '');
  const arrivals = [...world.control.store.rows.values()]
    .filter(({ stack_id, target_host_id }) => stack_id === stackId && target_host_id === home.id)
    .map(({ id }) => world.course.arrivedAt(id) ?? 0);
  if (world.truth.copy(project, home.id).endedByHand) return;
  // What a reboot does not bring back by its policy is not ours to start.
  if (home.outageAt >= Math.max(0, ...arrivals)) return;
  const daemons = home.containers.of(project).filter(({ foreign, spec }) => !foreign && !spec.oneShot);
  // A crash of its own, without a policy to bring it back, is not ours to mend either.
  const crashed = ({ spec, exitCode }: SimContainer) => spec.policy === 'no' && exitCode === crashCode;
  const down = daemons.filter((container) => container.state !== 'running' && !crashed(container));
  if (daemons.length === 0 || down.length > 0)
    world.violate(
      `Invariant 2: ${project} should run on ${home.id}; down: ${down.map(({ name }) => name) || 'all of it'}`,
    );
}

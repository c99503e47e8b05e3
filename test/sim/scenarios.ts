import { limits } from '../../schema/limits.ts';
import { heal } from './faults.ts';
import { holdScenarios } from './hold-scenarios.ts';
import { lastPassScenarios } from './last-pass-scenarios.ts';
import { restoredScenarios } from './restored-scenarios.ts';
import { bringUpNamesake } from './setting.ts';
import { minuteMs, type Scenario, type Story, secondMs } from './story.ts';

/** Its services have healthchecks on the target that never get anywhere, so that it stays in `verifying`. */
function neverWell({ target, world }: Story): void {
  const stack = world.stacks[0]!;
  for (const spec of stack.services) if (!spec.oneShot) spec.healthcheck = true;
  target.containers.troubles.set(stack.project, 'starts for ever');
}

const bothRun = ({ source, target, runs }: Story) => runs(source) && runs(target);

/** Each failure of its own, by its number in docs/failures.md: what happens, and what must come of it. */
export const scenarios: { [number: string]: Scenario } = {
  F10: (story) => {
    const { source, target, world, row, assert } = story;
    (world.options.seed % 2 ? source : target).powerOff('during the pre-flight');
    story.untilStatus('failed');
    assert(
      row().failure !== undefined && row().saga.failure?.code === 'preflight_failed',
      'the pre-flight should fail',
    );
    assert(!row().saga.steps.preparing, 'it should have begun nothing');
    heal(world);
  },

  F11: (story) => {
    const { source, world, row, assert } = story;
    const returns = world.options.seed % 2 === 0;
    story.untilStatus('transferring');
    source.killAgent('after the stop');
    story.pass(returns ? 20 * secondMs : 15 * minuteMs);
    if (!returns)
      assert(row().status === 'needs_attention', `it is ${row().status} while nobody can put the source back`);
    source.startAgent();
    story.untilStatus(returns ? 'completed' : 'failed');
    assert(story.runs(returns ? story.target : source), 'the side that it says should run');
  },

  F12: (story) => {
    const { source, row, assert } = story;
    story.untilStatus('transferring');
    source.powerOff('in mid-transfer');
    story.untilStatus('needs_attention');
    story.pass(60 * minuteMs);
    assert(row().status === 'needs_attention', `it is called ${row().status} while the source is gone`);
    source.powerOn();
    story.untilStatus('failed');
  },

  F13: (story) => {
    const { source, target, row, assert, runs } = story;
    story.untilStatus('transferring');
    target.powerOff('in mid-transfer');
    story.untilStatus('failed');
    assert(runs(source), 'the source should run again');
    assert(
      row().saga.awaiting.some(({ kind }) => kind === 'cleanup_target'),
      'the clean-up should be owed',
    );
    target.powerOn();
    story.until('the clean-up is done', ({ saga }) => saga.awaiting.length === 0);
    assert(
      [...target.volumes.values()].every(({ madeBy }) => madeBy === null),
      'nothing of it should be left there',
    );
  },

  F15: (story) => {
    const { source, world, row, assert, runs } = story;
    world.relay.up = false;
    story.untilStatus('transferring');
    const since = world.time.now;
    story.untilStatus('failed');
    assert(world.time.now - since > limits.stream.reconnectMsMax, 'it should have waited for a relay');
    assert(row().saga.failure?.code === 'transfer_interrupted', `it failed for ${row().saga.failure?.code}`);
    assert(runs(source), 'the source should run again');
    world.relay.up = true;
  },

  F16: (story) => {
    const { world, target, assert, runs } = story;
    story.untilStatus('transferring');
    world.control.crash();
    story.pass(3 * minuteMs);
    world.control.restart();
    story.untilStatus('completed');
    assert(runs(target), 'the target should run');
  },

  F17: (story) => {
    const { source, world, row, assert, runs } = story;
    world.host(story.target.id).containers.troubles.set(row()?.stack_name ?? world.stacks[0]!.project, 'unhealthy');
    world.host(story.target.id).containers.troubles.set(world.stacks[0]!.project, 'does not start');
    story.untilStatus('deploying');
    world.control.network.cut(source.id, 'both');
    story.pass(20 * minuteMs);
    assert(
      ['reverting', 'needs_attention'].includes(row().status),
      `it is ${row().status} before the source has said so`,
    );
    world.control.network.cut(source.id, 'none');
    story.untilStatus('failed');
    assert(runs(source), 'the source should run again');
  },

  F28: (story) => {
    const { source, target, row, assert, runs } = story;
    story.untilStatus('verifying');
    target.powerOff('while its health is looked at');
    story.pass(30 * secondMs);
    target.powerOn();
    story.until('it has ended', ({ status }) => status === 'failed' || status === 'completed');
    assert(runs(row().status === 'completed' ? target : source), 'the side that it says should run');
  },

  F35: (story) => {
    const { source, world, row, assert, runs } = story;
    world.host(story.target.id).containers.troubles.set(world.stacks[0]!.project, 'does not start');
    story.untilStatus('deploying');
    source.stopEngine('it is ill');
    story.untilStatus('needs_attention');
    assert((row().saga.attention?.todo ?? '') !== '', 'it should say what to do');
    source.startEngine();
    story.untilStatus('failed');
    assert(runs(source), 'the source should run again');
  },

  F43: (story) => {
    const { source, target, world, assert, runs } = story;
    const stopped: { at: number | null } = { at: null };
    story.untilStatus('verifying');
    world.host(target.id).containers.troubles.set(world.stacks[0]!.project, 'starts for ever');
    world.control.network.cut(target.id, 'both');
    world.runUntil(() => {
      if (!runs(target)) stopped.at ??= world.time.now;
      assert(!bothRun(story), 'both run');
      return runs(source);
    }, 20 * minuteMs);
    assert(runs(source), 'the source should have started');
    assert(
      stopped.at !== null && stopped.at < world.time.now,
      'the target should have been stopped by its lease before',
    );
    world.control.network.cut(target.id, 'none');
  },

  F44: (story) => {
    const { source, target, world, runs, assert } = story;
    story.untilStatus('verifying');
    world.control.crash();
    target.powerOff('before it is completed');
    story.pass(5 * secondMs);
    target.powerOn();
    for (let s = 0; s < 20; s++) {
      story.pass(secondMs);
      assert(!runs(target), 'it came up by itself');
    }
    world.control.restart();
    story.until('it has ended', ({ status }) => status === 'failed' || status === 'completed');
    assert(runs(story.row().status === 'completed' ? target : source), 'the side that it says should run');
  },

  F45: (story) => {
    const { source, world, row, assert } = story;
    story.untilStatus('completed');
    story.pass(minuteMs);
    for (const container of source.containers.of(world.stacks[0]!.project)) {
      if (container.foreign) continue;
      source.containers.start(container, 'by hand', true);
    }
    story.until('it was noticed', ({ saga }) => saga.window?.copy_running === true, minuteMs);
    assert(row().status === 'completed', 'nothing was stopped behind their back');
  },

  C1: (story) => {
    const { source, target, operator, world, row, assert, runs } = story;
    const stack = world.stacks[0]!;
    story.untilStatus('verifying');
    story.pass(200);
    world.control.crash();
    // Longer than a lease; the target has proven itself meanwhile, and has stopped since.
    story.pass(62 * secondMs);
    assert(!runs(target), 'its lease should have ended the target');
    target.containers.troubles.set(stack.project, 'does not start');
    world.control.restart();
    story.pass(10 * minuteMs);
    assert(row().status !== 'completed', 'it is called completed, and runs nowhere');
    target.containers.troubles.clear();
    story.until('it has ended', ({ status }) => status === 'failed' || status === 'completed', 20 * minuteMs);
    assert(runs(row().status === 'completed' ? target : source), 'the side that it says should run');
    operator.ask(stack, 'rollback');
  },

  'C1 arming fails': (story) => {
    const { source, target, operator, world, row, assert, runs } = story;
    const stack = world.stacks[0]!;
    world.onStatus = (_, status) => {
      if (status !== 'completed') return;
      world.onStatus = null;
      // The target does not hear that it is completed, its lease runs out, and its port is taken.
      world.control.network.cut(target.id, 'both');
      target.containers.troubles.set(stack.project, 'does not start');
      world.time.after(70 * secondMs, null, () => world.control.network.cut(target.id, 'none'));
    };
    story.untilStatus('completed');
    story.untilStatus('needs_attention');
    assert(!runs(target) && !runs(source), 'nothing should run yet');
    if (world.options.seed % 2 === 0) {
      target.containers.troubles.clear();
      story.untilStatus('completed', 20 * minuteMs);
      assert(runs(target), 'the target should run');
      return;
    }
    operator.ask(stack, 'rollback');
    story.untilStatus('rolled_back');
    assert(runs(source) && row().saga.attention === null, 'the source should run');
  },

  C2: (story) => {
    const { source, target, operator, world, assert, runs } = story;
    const stack = world.stacks[0]!;
    for (const spec of stack.services) spec.stopMs = 30 * secondMs;
    neverWell(story);
    story.untilStatus('verifying');
    story.pass(world.options.seed * 500);
    // The write of the way back is held up while its object is replaced; the target renews its lease, and is cut off.
    world.control.store.holdUpMs = 30 * secondMs;
    operator.ask(stack, 'cancel');
    story.pass(29_900);
    world.control.network.cut(target.id, 'both');
    world.runUntil(() => {
      assert(!bothRun(story), 'both run');
      return runs(source);
    }, 5 * minuteMs);
    story.pass(minuteMs);
    assert(runs(source), 'the source should run');
    world.control.network.cut(target.id, 'none');
  },

  'C3 source lost': (story) => {
    const { source, target, operator, world, row, assert, runs } = story;
    const stack = world.stacks[0]!;
    neverWell(story);
    story.untilStatus('verifying');
    source.destroy('for good');
    story.untilStatus('needs_attention');
    assert(!runs(target), 'nothing should run');
    target.containers.troubles.clear();
    const giveUp = world.options.seed % 2 === 0;
    operator.ask(stack, giveUp ? 'give_up' : 'source_lost');
    story.untilStatus(giveUp ? 'failed' : 'completed');
    story.pass(5 * minuteMs);
    assert(runs(target) !== giveUp, 'the target should run unless it was given up');
    assert(operator.deleteHost(source.id), `the lost host cannot be deleted: ${row().status}`);
  },

  'C3 target lost': (story) => {
    const { source, target, operator, world, assert, runs } = story;
    story.untilStatus('completed');
    story.until('it is armed', ({ saga }) => saga.awaiting.length === 0);
    target.destroy('for good');
    story.pass(minuteMs);
    operator.ask(world.stacks[0]!, 'target_lost');
    story.untilStatus('rolled_back');
    assert(runs(source), 'the source should run');
  },

  C11: (story) => {
    const { target, operator, world, row, assert } = story;
    const stack = world.stacks[0]!;
    story.untilStatus('transferring');
    target.powerOff('gone');
    story.untilStatus('failed');
    target.powerOn();
    story.until('cleaned', ({ saga }) => saga.awaiting.length === 0, 30 * minuteMs);
    story.pass(60 * minuteMs);
    operator.start(stack, target.id);
    world.runUntil(() => row().status === 'preparing', 5 * minuteMs);
    world.control.network.cut(target.id, 'both');
    story.pass(6 * secondMs);
    world.control.network.cut(target.id, 'none');
    story.until('it has ended', ({ status }) => status === 'failed' || status === 'completed', 60 * minuteMs);
    assert(row().status === 'completed', `six seconds of silence ended it: ${row().saga.failure?.message}`);
  },

  P3: (story) => {
    const { source, target, world, row, assert, runs } = story;
    neverWell(story);
    story.untilStatus('verifying');
    target.stopService(30 * minuteMs);
    world.runUntil(() => {
      assert(!bothRun(story), 'both run');
      return runs(source);
    }, 20 * minuteMs);
    assert(runs(source), `the source should run; it is ${row().status}`);
    target.startAgent();
  },

  // ------------------------------------------------------------ a person acts behind the product's back

  P2: (story) => {
    const { source, person, world, row, assert, runs } = story;
    story.untilStatus(world.options.seed % 2 === 0 ? 'stopping' : 'transferring');
    person.run(source, world.stacks[0]!, 20 * secondMs);
    story.until('it has ended', ({ status }) => status === 'failed' || status === 'completed');
    assert(runs(row().status === 'completed' ? story.target : source), 'the side that it says should run');
  },

  'P9 way back': (story) => {
    const { source, target, person, world, assert, runs } = story;
    target.containers.troubles.set(world.stacks[0]!.project, 'does not start');
    world.onStatus = (_, status) => {
      if (status === 'deploying') person.prune(source);
    };
    story.untilStatus('failed');
    assert(runs(source), 'the source should run again');
  },

  'P9 home': (story) => {
    const { target, person, world, assert, runs } = story;
    world.onStatus = (_, status) => {
      if (status !== 'completed') return;
      world.onStatus = null;
      world.control.network.cut(target.id, 'both');
      // Its lease has ended it, and somebody tidies up.
      world.time.after(100 * secondMs, null, () => person.prune(target));
      world.time.after(110 * secondMs, null, () => world.control.network.cut(target.id, 'none'));
    };
    story.untilStatus('completed');
    story.pass(5 * minuteMs);
    story.until('it is armed', ({ status, saga }) => status === 'completed' && saga.arming === null);
    assert(runs(target), 'the target should run');
  },

  'P9 volumes of the target': (story) => {
    const { source, target, person, world, assert, runs } = story;
    world.onStatus = (_, status) => {
      if (status === 'deploying') person.pruneVolumes(target);
    };
    story.untilStatus('failed');
    assert(runs(source), 'the source should run again');
  },

  /** No container uses them yet. */
  'P9 volumes of the target, after the look': (story) => {
    const { source, target, person, world, assert, runs } = story;
    world.onCrashPoint = (what) => {
      if (what === `before ${target.id} create`) person.pruneVolumes(target);
    };
    story.untilStatus('failed');
    world.onCrashPoint = null;
    assert(runs(source), 'the source should run again');
  },

  'F47 volumes of the target are another’s by now': (story) => {
    const { source, target, person, world, assert, runs } = story;
    const stack = world.stacks[0]!;
    world.onStatus = (_, status) => {
      if (status !== 'transferring') return;
      person.pruneVolumes(target);
      bringUpNamesake(target, stack);
    };
    story.untilStatus('failed');
    assert(runs(source), 'the source should run again');
    assert(
      [...target.volumes.values()].some(({ name, foreign }) => stack.volumes.includes(name) && foreign),
      'another stack’s volume is gone',
    );
  },

  /** Its containers are none that were recorded; its files and volumes are the migration's. */
  'F45 started where it turned back': (story) => {
    const { source, target, person, world, row, assert, runs } = story;
    const stack = world.stacks[0]!;
    target.containers.troubles.set(stack.project, 'does not start');
    world.onStatus = (_, status) => {
      if (status !== 'failed') return;
      person.prune(target);
      person.up(target, stack);
    };
    story.untilStatus('failed');
    assert(runs(target), 'a person should have started it');
    story.until('it is cleaned', ({ saga }) => saga.awaiting.length === 0 && saga.retry.length === 0, minuteMs);
    assert(runs(source) && !runs(target), 'the source alone should run');
    const left = [...target.volumes.values()].filter(({ madeBy }) => madeBy === row().id);
    assert(left.length === 0, `still there: ${left.map(({ name }) => name)}`);
  },

  'F43 the source is away when its rollback fails': (story) => {
    const { source, target, operator, world, row, assert, runs } = story;
    const stack = world.stacks[0]!;
    story.untilStatus('completed');
    story.pass(minuteMs);
    world.onCrashPoint = (what) => {
      if (what === 'after commit of rolling_back + command_done' && row().saga.rollback?.phase === 'proving')
        world.control.network.cut(source.id, 'both');
    };
    operator.ask(stack, 'rollback');
    story.untilStatus('rolling_back');
    story.untilStatus('completed', 20 * minuteMs);
    world.onCrashPoint = null;
    world.control.network.cut(source.id, 'none');
    story.until('both have heard', ({ saga }) => saga.awaiting.length === 0);
    operator.ask(stack, 'purge source');
    story.until('it is purged', ({ saga }) => saga.window?.source_purge != null && saga.awaiting.length === 0);
    // A directory in which the rollback wrote is not what was moved.
    const { remaining = [] } = row().saga.window?.source_purge ?? {};
    assert(
      remaining.every(({ what }) => what.startsWith('/')),
      'volumes and containers should be gone',
    );
    assert(runs(target) && row().saga.restorations === 0, 'the record should fit its hosts');
  },

  /** Its agent is gone, and the guard ends what the rollback started; so it does what a person starts then. */
  'F45 started when a rollback had failed': (story) => {
    const { source, operator, person, world, row, assert } = story;
    const stack = world.stacks[0]!;
    story.untilStatus('completed');
    story.pass(minuteMs);
    operator.ask(stack, 'rollback');
    story.until('it is revived', ({ saga }) => saga.rollback?.phase === 'proving');
    source.killAgent('for long');
    story.untilStatus('completed', 20 * minuteMs);
    person.up(source, stack);
    story.pass(minuteMs);
    source.startAgent();
    story.until('both have heard', ({ saga }) => saga.awaiting.length === 0);
    operator.ask(stack, 'purge source');
    story.until('it was purged', ({ saga }) => saga.window?.source_purge != null && saga.awaiting.length === 0);
    const { remaining = [] } = row().saga.window?.source_purge ?? {};
    assert(
      remaining.some(({ why }) => why.includes('ran on it')),
      'what was written since should be named',
    );
  },

  'P9 volumes of the source': (story) => {
    const { source, target, operator, person, world, row, assert, runs } = story;
    target.containers.troubles.set(world.stacks[0]!.project, 'does not start');
    world.onStatus = (_, status) => {
      if (status !== 'deploying') return;
      person.prune(source);
      person.pruneVolumes(source);
    };
    story.untilStatus('needs_attention', 20 * minuteMs);
    assert(!runs(source), 'it was put back without its data');
    operator.ask(world.stacks[0]!, 'give_up');
    story.untilStatus('failed');
    const kept = [...target.volumes.values()].filter(({ madeBy }) => madeBy === row().id);
    assert(kept.length > 0, 'the only copy that is left was removed');
  },

  'F45 written since': (story) => {
    const { source, operator, person, world, row, assert } = story;
    const stack = world.stacks[0]!;
    story.untilStatus('completed');
    story.pass(minuteMs);
    person.up(source, stack);
    story.until('it was noticed', ({ saga }) => saga.window?.copy_running === true, minuteMs);
    operator.ask(stack, 'purge source');
    story.until(
      'the purge was answered',
      ({ saga }) => saga.window?.source_purge != null && saga.awaiting.length === 0,
    );
    assert(story.runs(source), 'what runs was deleted');
    for (const container of source.containers.of(stack.project)) source.containers.stop(container, undefined, () => {});
    story.pass(minuteMs);
    if (world.options.seed % 2 === 0) person.prune(source);
    for (let times = 0; times < 2; times++) {
      operator.ask(stack, 'purge source');
      story.pass(2 * secondMs);
      story.until('it was purged', ({ saga }) => saga.window?.source_purge != null && saga.awaiting.length === 0);
    }
    const { remaining = [] } = row().saga.window?.source_purge ?? {};
    assert(
      remaining.some(({ why }) => why.includes('ran on it')),
      'what was written since should be named',
    );
    assert(
      stack.volumes.every((name) => source.volumes.has(name)),
      'what was written since is gone',
    );
  },

  ...restoredScenarios,
  ...holdScenarios,
  ...lastPassScenarios,

  // ------------------------------------------------------------ what random schedules once found

  'F41 cut-off stop': (story) => {
    const { source, operator, world, runs, assert } = story;
    const stack = world.stacks[0]!;
    for (const spec of stack.services) spec.stopMs = 6_000;
    story.untilStatus('stopping');
    story.pass(secondMs);
    operator.ask(stack, 'cancel');
    story.untilStatus('cancelled');
    story.pass(minuteMs);
    assert(runs(source), 'the stop that was cut off went on, and ended what had been put back');
  },

  'F7 hello without a database': (story) => {
    const { target, world, row } = story;
    world.onStatus = (_, status) => {
      if (status !== 'completed') return;
      target.killAgent('before it hears of the end');
      world.control.store.downUntil = world.time.now + 30 * secondMs;
      world.time.after(5 * secondMs, null, () => target.startAgent());
    };
    story.untilStatus('verifying');
    story.pass(minuteMs);
    story.until('the target is armed', ({ saga }) => saga.awaiting.length === 0);
    story.assert(row().status === 'completed', `it is ${row().status}`);
  },

  'F9 late command of an older epoch': (story) => {
    const { source, target, world, operator, row, assert, runs } = story;
    const { network, store } = world.control;
    let late: ReturnType<typeof store.open> = [];
    world.onStatus = (_, status) => {
      if (status !== 'preparing') return;
      network.cut(target.id, 'down');
      world.time.after(secondMs, null, () => {
        late = store.open().filter(({ command }) => command.kind === 'prepare_target');
        operator.ask(world.stacks[0]!, 'cancel');
        world.time.after(secondMs, null, () => network.cut(target.id, 'none'));
      });
    };
    story.untilStatus('cancelled');
    story.until('the clean-up is done', ({ saga }) => saga.awaiting.length === 0);
    assert(late.length === 1, 'the target should have been told to prepare');
    for (const { command, migration_id } of late)
      world.control.linkOf(target.id).deliver([{ ...command, migration_id, trace_id: null }]);
    story.pass(minuteMs);
    const left = [...target.volumes.values()].filter(({ madeBy }) => madeBy === row().id);
    assert(left.length === 0, `what came late was done: ${left.map(({ name }) => name)}`);
    assert(runs(source), 'the source should run');
  },

  'F9 late end of the one before': (story) => {
    const { source, target, world, operator, row, assert } = story;
    const { network, store } = world.control;
    const first = { id: '' };
    world.onStatus = (moved, status) => {
      if (status !== 'completed' || first.id) return;
      first.id = moved.id;
      network.cut(target.id, 'down');
      world.time.after(2 * secondMs, null, () => network.cut(target.id, 'none'));
    };
    story.untilStatus('completed');
    world.runUntil(() => false, 3 * secondMs);
    operator.start(world.stacks[0]!, source.id);
    world.runUntil(() => row().id !== first.id && row().status === 'failed', minuteMs);
    assert(row().saga.failure?.code === 'preflight_failed', 'another began before the one before was finished');
    world.runUntil(() => store.rows.get(first.id)?.saga.awaiting.length === 0, 10 * minuteMs);
    assert(store.rows.get(first.id)?.saga.awaiting.length === 0, 'its end never reached the target');
  },
};

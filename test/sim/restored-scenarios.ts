import type { Status } from '../../schema/migration-status.ts';
import { minuteMs, type Story } from './story.ts';

/** The control plane as it was when the migration came to `status`, to be fallen back to: its database alone, or all. */
function backupAt({ world }: Story, status: Status): (whole: boolean) => void {
  const { control, time } = world;
  let backup: ReturnType<typeof control.backup> | null = null;
  world.onStatus = (_, next) => {
    if (next !== status || backup) return;
    time.after(1, null, () => {
      backup = control.backup();
    });
  };
  return (whole) => {
    world.onStatus = null;
    if (!backup) throw world.violate(`it never was ${status}`);
    control.restore(backup, whole);
  };
}

const isWhole = ({ world }: Story) => world.options.seed % 2 === 0;

/** Failure C8: a backup is restored that is older than what the hosts did since. */
export const restoredScenarios: { [number: string]: (story: Story) => void } = {
  'C8 before completed': (story) => {
    const { target, source, row, assert, runs } = story;
    const restore = backupAt(story, 'transferring');
    story.untilStatus('completed');
    story.pass(minuteMs);
    restore(isWhole(story));
    story.until('its hosts were heard', ({ status, saga }) => status === 'completed' && !saga.telling);
    story.pass(5 * minuteMs);
    assert(runs(target) && !runs(source), 'the target alone should run');
    assert(row().saga.restorations === 1, 'it should have been noticed once');
  },

  'C8 before a way back': (story) => {
    const { target, source, world, assert, runs } = story;
    target.containers.troubles.set(world.stacks[0]!.project, 'does not start');
    const restore = backupAt(story, 'shipping');
    story.untilStatus('failed');
    story.pass(minuteMs);
    restore(isWhole(story));
    story.until('its hosts were heard', ({ status, saga }) => status === 'failed' && saga.restorations > 0);
    assert(runs(source) && !runs(target), 'the source alone should run');
  },

  'C8 before a rollback': (story) => {
    const { target, source, operator, world, assert, runs } = story;
    const restore = backupAt(story, 'completed');
    story.untilStatus('completed');
    story.pass(minuteMs);
    operator.ask(world.stacks[0]!, 'rollback');
    story.untilStatus('rolled_back');
    story.pass(minuteMs);
    restore(isWhole(story));
    operator.ask(world.stacks[0]!, 'purge source');
    story.until('its hosts were heard', ({ status, saga }) => status === 'rolled_back' && !saga.telling);
    story.pass(5 * minuteMs);
    assert(runs(source) && !runs(target), 'the source alone should run');
  },

  /** What it would tell comes never. */
  'C8 source lost': (story) => {
    const { target, source, operator, world, row, assert, runs } = story;
    const stack = world.stacks[0]!;
    target.containers.troubles.set(stack.project, 'starts for ever');
    for (const spec of stack.services) if (!spec.oneShot) spec.healthcheck = true;
    const restore = backupAt(story, 'reverting');
    story.untilStatus('reverting');
    source.destroy('for good');
    story.pass(1_000);
    restore(isWhole(story));
    story.untilStatus('needs_attention');
    target.containers.troubles.clear();
    operator.ask(stack, 'source_lost');
    story.untilStatus('completed');
    story.pass(5 * minuteMs);
    assert(runs(target) && !row().saga.telling, 'the target should run');
    assert(operator.deleteHost(source.id), `the lost host cannot be deleted: ${row().status}`);
  },
};

import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { beforeAll, describe, expect, it } from 'vitest';

const main = fileURLToPath(new URL('main.ts', import.meta.url));
const msMax = 25 * 60_000;

/** In a process of its own, whose every clock is the simulation's. Resolves to what it printed. */
function simulate(...args: string[]): Promise<string[]> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { stdio: ['ignore', 'pipe', 'pipe'], timeout: msMax });
    let text = '';
    child.stdout.on('data', (bytes) => {
      text += bytes;
    });
    child.stderr.on('data', (bytes) => {
      text += bytes;
    });
    child.once('close', () => resolve(text.trimEnd().split('\n')));
  });
}

describe('the fault simulation', () => {
  it(
    'F1 F2 F3 F4 F5 F6 F7 F8 F9 F38 F42 holds every invariant in 2,000 random schedules of many stacks and faults',
    async () => {
      const printed = await simulate('--seeds', '2000');
      expect(printed.slice(-80)).toContain('2000 passed, 0 failed');
      const ends = JSON.parse(printed.findLast((line) => line.startsWith('migrations: '))?.slice(12) ?? '{}');
      // Where few come through, the invariants say little.
      expect(ends.completed).toBeGreaterThan(1_000);
      expect(ends.failed).toBeGreaterThan(1_000);
      expect(ends.rolled_back).toBeGreaterThan(200);
      expect(ends.cancelled).toBeGreaterThan(10);
    },
    msMax,
  );

  // At every point it would take six minutes of a core: `npm run sim -- --exhaustive` does.
  it(
    'F40 comes to one running side after deaths at any point of a move, its rollback and its purge: one, both, or all',
    async () => {
      const printed = await simulate('--exhaustive', '--every', '7');
      expect(printed.slice(-80).join('\n')).toMatch(/^\d{4,} passed, 0 failed$/m);
    },
    msMax,
  );

  it(
    'C8 falls back from each transition to each before, the database alone or all of it, and one side runs in the end',
    async () => {
      const printed = await simulate('--restores');
      expect(printed.slice(-80).join('\n')).toMatch(/^\d{3,} passed, 0 failed$/m);
    },
    msMax,
  );

  it(
    'would notice: each planted bug is caught',
    async () => {
      const printed = await simulate('--planted');
      const [, caught, of] = /^caught (\d+) of (\d+)$/.exec(printed.at(-1) ?? '') ?? [];
      expect(printed.filter((line) => line.startsWith('MISSED'))).toEqual([]);
      expect(Number(caught)).toBeGreaterThanOrEqual(12);
      expect(caught).toBe(of);
    },
    msMax,
  );
});

describe('each failure of its own, in twenty schedules', () => {
  let printed: string[] = [];
  beforeAll(async () => {
    printed = await simulate('--scenarios');
  }, msMax);
  const holds = (name: string) => {
    const [at] = [printed.findIndex((line) => line === `ok ${name}` || line === `not ok ${name}`)];
    expect(printed.slice(Math.max(0, at - 60), at + 1)).toContain(`ok ${name}`);
  };

  it('no scenario fails, those without a number included', () => {
    expect(printed.filter((line) => line.startsWith('not ok '))).toEqual([]);
    expect(printed).toContain('ok a hold outlives the death of each of its actors');
    expect(printed).toContain('ok a last pass outlives the death of each of its actors');
  });

  it('F10 source or target dies during the pre-flight: failed, the stack untouched', () => holds('F10'));
  it('F11 the source agent dies after the stop: it resumes on return, or the source is put back', () => holds('F11'));
  it('F12 the source host is gone in mid-transfer: needs_attention for as long as it is gone', () => holds('F12'));
  it('F13 the target dies in mid-transfer: source back up, the clean-up owed and done on return', () => holds('F13'));
  it('F15 every relay is down: it waits its bound, then reverts', () => holds('F15'));
  it('F16 the control plane is cut off during the transfer: the agents finish and report later', () => holds('F16'));
  it('F17 the source is cut off during the revert: retried until confirmed', () => holds('F17'));
  it('F28 the target host reboots during verifying: one side runs in the end', () => holds('F28'));
  it('F35 the source’s engine is down in the revert: needs_attention with what to do, then put back', () =>
    holds('F35'));
  it('F43 the target is cut off while verifying: its lease ends it, and only then the source starts', () =>
    holds('F43'));
  it('F44 the target reboots before completed: nothing comes up by itself', () => holds('F44'));
  it('F45 the retained source is started by hand: noticed, and left alone', () => holds('F45'));

  it('C1: health proven before a long cut is proven again: never completed for a stack that runs nowhere', () =>
    holds('C1'));
  it('C1: a completed migration whose target cannot start its stack needs attention, and can be rolled back', () =>
    holds('C1 arming fails'));
  it('C2: a lease granted while a way back is being written is waited for', () => holds('C2'));
  it('C3: a source that is lost for good is resolved: the target takes over, or the stack is given up', () =>
    holds('C3 source lost'));
  it('C3: a target that is lost for good after completion is resolved: the source takes over', () =>
    holds('C3 target lost'));
  it('C11: a blip of six seconds loses no host that was silent in an earlier migration', () => holds('C11'));
  it('P3: the service of an agent is stopped while its stack is verified: one side runs', () => holds('P3'));

  it('P2: a one-off run on the source that starts after the look: nothing is completed without what it wrote', () =>
    holds('P2'));
  it('P9 R25: containers of the stopped source are pruned: the way back makes them again', () => holds('P9 way back'));
  it('P9: containers of the new home are pruned before it is armed: they are made again', () => holds('P9 home'));
  it('P9: the volumes that arrived are pruned: nothing starts on empty ones, the source is put back', () =>
    holds('P9 volumes of the target'));
  it('P9: the volumes of the source are pruned: it is not called put back, and the other copy stays', () =>
    holds('P9 volumes of the source'));
  it('P9: the volumes that arrived are pruned after the check for them: nothing starts on recreated ones', () =>
    holds('P9 volumes of the target, after the look'));
  it('F47: another stack’s volume has the name by now: nothing is unpacked into it', () =>
    holds('F47 volumes of the target are another’s by now'));
  it('F45: what a person starts on a target that turned back goes with the clean-up', () =>
    holds('F45 started where it turned back'));
  it('F45: what a person’s copy wrote after a failed rollback is not purged', () =>
    holds('F45 started when a rollback had failed'));
  it('F43: a rollback fails while the source is away: its record fits when it is back', () =>
    holds('F43 the source is away when its rollback fails'));
  it('C8: the control plane falls back to before a completion: the target stays the home', () =>
    holds('C8 before completed'));
  it('C8: the control plane falls back to before a way back: the source stays the home', () =>
    holds('C8 before a way back'));
  it('C8: the control plane falls back to before a rollback: the source stays the home', () =>
    holds('C8 before a rollback'));
  it('C8: a host that should be heard after a restore is lost for good: a person decides', () =>
    holds('C8 source lost'));
  it('F45: a kept copy that was started and stopped again is purged but for what it wrote', () =>
    holds('F45 written since'));

  it('F41 cancelled during a slow stop: what is put back stays up', () => holds('F41 cut-off stop'));
  it('F7 a host says hello while the database is down: what it is owed comes later', () =>
    holds('F7 hello without a database'));
  it('F9 the end of one migration is late: the next does not begin', () => holds('F9 late end of the one before'));
  it('F9 a command of an older epoch comes late: it is refused, and leaves nothing', () =>
    holds('F9 late command of an older epoch'));
});

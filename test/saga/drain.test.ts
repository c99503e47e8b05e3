import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type DrainRun, drainStatuses, hasEnded } from '../../schema/drain.ts';
import { limits } from '../../schema/limits.ts';
import type { Status } from '../../schema/migration-status.ts';
import { advance, type Choice, type DrainEvent } from '../../worker/saga/drain/advance.ts';
import { dueOf, isWaiting } from '../../worker/saga/drain/due.ts';
import type { MigrationSeen } from '../../worker/saga/drain/settle.ts';

const { pollMs, silenceMsMax, startMsMax, attentionMsMax } = limits.drain;
const fit = { memory_needed_bytes: 1, memory_free_bytes: 2, disk_needed_bytes: 1, disk_free_bytes: 2 };
const obstacle = { code: 'too_big', message: 'It is too big.' };
const target = (stack_id: string): Choice => ({ kind: 'target', stack_id, target: 'host_b', fit });

function newRun(stacks: number, more: Partial<DrainRun> = {}): DrainRun {
  return {
    ...{ id: 'drain_1', host: 'host_a', status: 'running', target: null, mode: 'stop-copy' },
    ...{
      accept_unmoved: false,
      accept_drift: false,
      max_parallel: 2,
      planned: false,
      silent_since: null,
      retry_at: 0,
      cancel_running: false,
    },
    stacks: Array.from({ length: stacks }, (_, n) => ({
      ...{ id: `stack_${n}`, name: `web-${n}`, status: 'waiting' as const, since: 0 },
      ...{ target: null, fit: null, migration_id: null, stuck_since: null, obstacle: null },
    })),
    ...more,
  } as DrainRun;
}

const seen = (stack_id: string, status: Status): MigrationSeen => ({
  ...{ id: `mig_of_${stack_id}`, stack_id, status, cancel_requested: false },
  why: status === 'failed' ? { code: 'unhealthy', message: '"web" is unhealthy.' } : null,
});

/** After these events, each of which must change something. */
function having(run: DrainRun, ...events: DrainEvent[]): DrainRun {
  return events.reduce((state, event) => {
    const next = advance(state, event, 0);
    expect(next, `${event.type} changes nothing`).not.toBeNull();
    return next as DrainRun;
  }, run);
}
const planned: DrainEvent = { type: 'planned', choices: [target('stack_0'), target('stack_1')] };
const chosen = (stack_id: string): DrainEvent => ({ type: 'chosen', choice: target(stack_id) });
const saw = (...migrations: MigrationSeen[]): DrainEvent => ({ type: 'seen', migrations });
const statusOf = (run: DrainRun | null, id = 'stack_0') => run?.stacks.find((stack) => stack.id === id)?.status;

describe('a drain', () => {
  it('is planned once, then goes in the plan’s order', () => {
    const choices = [target('stack_1'), { kind: 'obstacle' as const, stack_id: 'stack_0', obstacle }];
    const run = having(newRun(2), { type: 'planned', choices });
    expect(run.stacks.map(({ id, obstacle }) => [id, obstacle?.code])).toEqual([
      ['stack_1', undefined],
      ['stack_0', 'too_big'],
    ]);
    expect(advance(run, planned, 0)).toBeNull();
    expect(dueOf(run, 0)).toMatchObject({ kind: 'choose', stack: { id: 'stack_1' } });
  });

  it('records its choice before it starts the migration, and chooses no other until that has its room counted', () => {
    const run = having(newRun(2), planned, chosen('stack_0'));
    expect(dueOf(run, 0)).toMatchObject({ kind: 'start', target: 'host_b', stack: { id: 'stack_0' } });
    const inPreflight = having(run, saw(seen('stack_0', 'preflight')));
    expect(dueOf(inPreflight, 0)).toBeNull();
    expect(dueOf(having(inPreflight, saw(seen('stack_0', 'preparing'))), 0)).toMatchObject({ kind: 'choose' });
  });

  it('starts the next one while a migration holds, and counts it again once it is cut over', () => {
    const run = having(newRun(3, { max_parallel: 1 }), planned, chosen('stack_0'), saw(seen('stack_0', 'preparing')));
    expect(dueOf(run, 0)).toBeNull();
    const held = having(run, saw(seen('stack_0', 'holding')));
    expect(statusOf(held)).toBe('moving');
    expect(dueOf(held, 0)).toMatchObject({ kind: 'choose', stack: { id: 'stack_1' } });
    expect(dueOf(having(held, saw(seen('stack_0', 'stopping'))), 0)).toBeNull();
  });

  it('goes on after a failure; with something left behind it has failed, with nothing it is completed', () => {
    const run = having(newRun(2), planned, chosen('stack_0'), saw(seen('stack_0', 'failed')), chosen('stack_1'));
    const end = having(run, saw(seen('stack_0', 'failed'), seen('stack_1', 'completed')));
    expect(end.status).toBe('failed');
    expect(end.stacks.map(({ status, obstacle }) => [status, obstacle?.code])).toEqual([
      ['stayed', 'unhealthy'],
      ['moved', undefined],
    ]);
    expect(having(newRun(0), { type: 'planned', choices: [] }).status).toBe('completed');
    const gone = { type: 'chosen', choice: { kind: 'gone', stack_id: 'stack_0' } } as const;
    expect(having(newRun(1), planned, gone).status).toBe('completed');
  });

  it('while paused starts nothing new, and what was chosen too late is not taken', () => {
    const run = having(newRun(2), planned, chosen('stack_0'), saw(seen('stack_0', 'stopping')), { type: 'pause' });
    expect(dueOf(run, 0)).toBeNull();
    expect(advance(run, chosen('stack_1'), 0)).toBeNull();
    expect(isWaiting(run)).toBe(true);
    const still = having(run, saw(seen('stack_0', 'completed')));
    expect([still.status, isWaiting(still)]).toEqual(['paused', false]);
    expect(dueOf(having(still, { type: 'resume' }), 0)).toMatchObject({ kind: 'choose', stack: { id: 'stack_1' } });
  });

  it('aborted, keeps at home what waits, and ends with what still runs', () => {
    const running = having(newRun(2), planned, chosen('stack_0'), saw(seen('stack_0', 'stopping')));
    const run = having(running, { type: 'abort', cancel_running: false });
    expect([run.status, statusOf(run, 'stack_1'), statusOf(run)]).toEqual(['aborting', 'stayed', 'moving']);
    expect(advance(run, { type: 'abort', cancel_running: false }, 0)).toBeNull();
    expect(having(run, { type: 'abort', cancel_running: true }).cancel_running).toBe(true);
    expect(having(run, saw(seen('stack_0', 'completed'))).status).toBe('aborted');
    const last = having(newRun(1), planned, chosen('stack_0'), { type: 'abort', cancel_running: false });
    expect(dueOf(last, 0), 'whether its start arrived is not known').toMatchObject({ kind: 'start' });
    expect(having(last, saw(seen('stack_0', 'completed'))).status).toBe('completed');
  });

  it('waits for hosts that are silent, as long as its bound; then the stack stays, and so does the next at once', () => {
    const unanswered = (stack_id: string): DrainEvent => ({
      type: 'chosen',
      choice: { kind: 'unanswered', stack_id, obstacle: { code: 'host_offline', message: '"a" does not answer.' } },
    });
    const silent = having(newRun(2), planned, unanswered('stack_0'));
    expect([statusOf(silent), dueOf(silent, pollMs - 1)]).toEqual(['waiting', null]);
    expect(dueOf(silent, pollMs)).toMatchObject({ kind: 'choose' });
    expect(statusOf(advance(silent, unanswered('stack_0'), silenceMsMax - 1))).toBe('waiting');
    const over = advance(silent, unanswered('stack_0'), silenceMsMax) as DrainRun;
    expect(over.stacks[0]).toMatchObject({ status: 'stayed', obstacle: { code: 'host_offline' } });
    expect(advance(over, unanswered('stack_1'), silenceMsMax + 1)?.status).toBe('failed');
    expect(having(silent, chosen('stack_0')).silent_since).toBeNull();
    expect(silent.stacks[0], 'the plan still sees it there').toMatchObject({ target: 'host_b' });
    expect(over.stacks[0]).toMatchObject({ target: null });
    const resumed = having(silent, { type: 'pause' }, { type: 'resume' });
    expect(statusOf(advance(resumed, unanswered('stack_0'), silenceMsMax))).toBe('waiting');
  });

  it('gives a start that never succeeds up, and a migration that waits for a person', () => {
    const run = having(newRun(1), planned, chosen('stack_0'));
    const again = advance(run, { type: 'unstarted', stack_id: 'stack_0' }, startMsMax - 1) as DrainRun;
    expect([statusOf(again), again.retry_at]).toEqual(['starting', startMsMax - 1 + pollMs]);
    const unstarted = advance(run, { type: 'unstarted', stack_id: 'stack_0' }, startMsMax);
    expect(unstarted?.stacks[0]).toMatchObject({ status: 'stayed', obstacle: { code: 'control_unavailable' } });
    const stuck = having(run, saw(seen('stack_0', 'needs_attention')));
    expect(statusOf(stuck)).toBe('moving');
    expect(advance(stuck, saw(seen('stack_0', 'needs_attention')), attentionMsMax - 1)).toBeNull();
    const left = advance(stuck, saw(seen('stack_0', 'needs_attention')), attentionMsMax);
    expect(left).toMatchObject({ status: 'failed', stacks: [{ obstacle: { code: 'needs_attention' } }] });
    expect(having(stuck, saw(seen('stack_0', 'reverting'))).stacks[0]?.stuck_since).toBeNull();
  });

  it('tells what became of a stack after all: rolled back once it was moved, or moved once somebody had seen to it', () => {
    const run = having(newRun(2), planned, chosen('stack_0'), saw(seen('stack_0', 'completed')));
    expect(statusOf(run)).toBe('moved');
    expect(advance(run, saw(seen('stack_0', 'rolling_back')), 0), 'it takes no place again').toBeNull();
    const back = having(run, saw(seen('stack_0', 'rolled_back')));
    expect(back.stacks[0]).toMatchObject({ status: 'stayed', obstacle: { code: 'rolled_back' } });
    const stuck = having(newRun(2), planned, chosen('stack_0'), saw(seen('stack_0', 'needs_attention')));
    const left = advance(stuck, saw(seen('stack_0', 'needs_attention')), attentionMsMax) as DrainRun;
    expect(statusOf(left)).toBe('stayed');
    expect(having(left, saw(seen('stack_0', 'completed'))).stacks[0]).toMatchObject({
      status: 'moved',
      obstacle: null,
    });
  });

  it('that has ended takes no event any more', () => {
    for (const status of drainStatuses.filter(hasEnded))
      for (const event of [planned, chosen('stack_0'), saw(seen('stack_0', 'failed')), ...acts])
        expect(advance(newRun(1, { status }), event, 0), `${status}, ${event.type}`).toBeNull();
  });

  it('ends whatever hosts, migrations and people do, within its bounds, and never runs more than it may at once', () => {
    fc.assert(fc.property(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 1, max: 4 }), fc.array(whim), lives), {
      numRuns: 500,
    });
  });
});

const acts: DrainEvent[] = [
  { type: 'pause' },
  { type: 'resume' },
  { type: 'abort', cancel_running: false },
  { type: 'abort', cancel_running: true },
];
type Whim = { act: DrainEvent | null; choice: Choice['kind']; start: 'lost' | 'busy' | 'begun'; steps: Status[] };
const whim: fc.Arbitrary<Whim> = fc.record({
  act: fc.option(fc.constantFrom(...acts), { freq: 4 }),
  choice: fc.constantFrom('target', 'target', 'obstacle', 'unanswered', 'gone'),
  start: fc.constantFrom('lost', 'busy', 'begun', 'begun'),
  steps: fc.array(fc.constantFrom<Status>('preparing', 'needs_attention', 'reverting', 'completed', 'failed'), {
    maxLength: 3,
  }),
});

/** The coordinator's part, with every answer up to `whims`; once these are used up nobody pauses, and all hosts are silent. */
function lives(stacks: number, max_parallel: number, whims: Whim[]): void {
  let run = newRun(stacks, { max_parallel });
  const migrations = new Map<string, MigrationSeen>();
  const hour = 3_600_000;
  for (let now = 0; !hasEnded(run.status); now += pollMs) {
    expect(now, JSON.stringify(run)).toBeLessThan(2 * hour + stacks * hour);
    const { act, choice, start, steps } = whims.shift() ?? silence(run);
    const tell = (event: DrainEvent) => {
      run = advance(run, event, now) ?? run;
      const moving = run.stacks.filter(({ status }) => status === 'moving' || status === 'starting');
      expect(moving.length).toBeLessThanOrEqual(max_parallel);
    };
    if (act) tell(act);
    for (const migration of migrations.values()) {
      const [step = 'needs_attention'] = steps;
      if (migration.status !== 'completed' && migration.status !== 'failed') migration.status = step;
    }
    tell({ type: 'seen', migrations: [...migrations.values()] });
    const due = dueOf(run, now);
    if (due?.kind === 'look') tell({ type: 'planned', choices: run.stacks.map(({ id }) => target(id)) });
    if (due?.kind === 'choose') {
      const about = { stack_id: due.stack.id, obstacle, target: 'host_b', fit };
      tell({ type: 'chosen', choice: { ...about, kind: choice } });
    }
    if (due?.kind !== 'start') continue;
    const { id } = due.stack;
    if (start === 'begun') {
      expect(migrations.has(id), 'a stack is started once').toBe(false);
      migrations.set(id, seen(id, 'preflight'));
    } else tell(start === 'busy' ? { type: 'refused', stack_id: id, obstacle } : { type: 'unstarted', stack_id: id });
  }
  const open = run.stacks.filter(({ status }) => status !== 'moved' && status !== 'stayed' && status !== 'gone');
  expect(open).toEqual([]);
  expect(run.status === 'completed').toBe(run.stacks.every(({ status }) => status !== 'stayed'));
  for (const { status, obstacle } of run.stacks) if (status === 'stayed') expect(obstacle).not.toBeNull();
}

const silence = ({ status }: DrainRun): Whim => ({
  ...{ choice: 'unanswered', start: 'lost', steps: [] },
  act: status === 'paused' ? { type: 'resume' } : null,
});

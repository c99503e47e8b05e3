import { type DrainRun, type DrainStatus, hasEnded } from '../../../schema/drain.ts';
import type { ErrorCode } from '../../../schema/errors.ts';
import { limits } from '../../../schema/limits.ts';
import { isTerminal } from '../../../schema/migration-status.ts';
import { log } from '../../log.ts';
import { advance, type DrainEvent } from './advance.ts';
import { type Due, dueOf, isWaiting } from './due.ts';
import type { DrainPorts, DrainRow } from './ports.ts';

export type DrainActOutcome =
  | { kind: 'accepted' }
  | { kind: 'unknown' }
  | { kind: 'refused'; code: ErrorCode; message: string };

/**
 * Drives one drain: load, advance, commit, do what is due, set the alarm. Keeps no state in memory that the next wake
 * needs; waking takes the same path as running. Work (surveys, starts) runs outside of turns, so a pause or an abort
 * never waits for it; its result is an event, which changes nothing if it comes too late.
 */
export class DrainCoordinator {
  readonly #ports: DrainPorts;
  #turn: Promise<unknown> = Promise.resolve();
  #working = false;
  /** Something may have become due since the running work last checked. */
  #again = false;

  constructor(ports: DrainPorts) {
    this.#ports = ports;
  }

  async start(run: DrainRun, requestedBy: string): Promise<'started' | 'busy'> {
    const { store, memory } = this.#ports;
    // The alarm is set before the row exists, so a crash after the insert still leads to a wake (F1).
    await memory.put('drain_id', run.id);
    await memory.setAlarm(Date.now() + limits.drain.pollMs);
    if ((await store.insert(run, requestedBy, Date.now())) === 'busy') return 'busy';
    this.#work(run.id);
    return 'started';
  }

  pause(id: string): Promise<DrainActOutcome> {
    return this.#act(id, { type: 'pause' }, (status) => status === 'paused');
  }

  resume(id: string): Promise<DrainActOutcome> {
    return this.#act(id, { type: 'resume' }, (status) => status === 'running');
  }

  abort(id: string, cancel_running: boolean): Promise<DrainActOutcome> {
    const event = { type: 'abort' as const, cancel_running };
    return this.#act(id, event, (status) => status === 'aborting' || status === 'aborted');
  }

  /** Called by the alarm, the repair sweep, and migrations of this drain that ended. */
  async wake(): Promise<void> {
    const { memory } = this.#ports;
    // The platform drops an alarm after six failures, so the next one is set before anything can fail (F4).
    await memory.setAlarm(Date.now() + limits.drain.pollMs);
    const id = (await memory.get('drain_id')) as string | undefined;
    if (!id) return;
    await this.#look(id);
    await this.#rearm(id);
    this.#work(id);
  }

  /** Reads the state of its migrations, and cancels them if an abort asks for it. */
  async #look(id: string): Promise<void> {
    const { store, cancel } = this.#ports;
    const migrations = await store.migrationsOf(id);
    const row = await this.#apply(id, { type: 'seen', migrations });
    if (!row?.run.cancel_running || hasEnded(row.status)) return;
    const running = migrations.filter(({ status, cancel_requested }) => !isTerminal(status) && !cancel_requested);
    await Promise.allSettled(running.map(cancel));
  }

  async #act(id: string, event: DrainEvent, isDone: (status: DrainStatus) => boolean): Promise<DrainActOutcome> {
    const row = await this.#apply(id, event);
    if (!row) return { kind: 'unknown' };
    if (!isDone(row.status)) return { kind: 'refused', ...refusal(row.status) };
    // The event may make work due, require cancellations, or make the alarm unnecessary.
    this.#ports.background(this.wake());
    return { kind: 'accepted' };
  }

  /** Does what is due until nothing is. At most one loop runs. */
  #work(id: string): void {
    this.#again = true;
    if (this.#working) return;
    this.#working = true;
    const work = async () => {
      while (this.#again) {
        this.#again = false;
        await this.#workOff(id);
      }
    };
    this.#ports.background(
      work()
        .catch((error) => log.warn('a drain continues at its next wake', { drain: id, error }))
        .finally(() => {
          this.#working = false;
        }),
    );
  }

  async #workOff(id: string): Promise<void> {
    for (;;) {
      const row = await this.#ports.store.load(id);
      const due = row && dueOf(row.run, Date.now());
      if (!row || !due) return;
      const after = await this.#apply(id, await this.#perform(row, due));
      // The event came too late or changed nothing; the next wake tries again.
      if (after?.version === row.version) return;
    }
  }

  async #perform(row: DrainRow, due: Due): Promise<DrainEvent> {
    const { survey, start } = this.#ports;
    if (due.kind === 'look') return { type: 'planned', choices: await survey(row.run, row.run.stacks) };
    const { stack } = due;
    if (due.kind === 'choose') {
      const [choice] = await survey(row.run, [stack]);
      return { type: 'chosen', choice: choice ?? { kind: 'gone', stack_id: stack.id } };
    }
    // May have been started before an eviction. A stack has at most one migration per drain, so asking twice starts
    // one.
    const before = await this.#seen(row.id, stack.id);
    if (before) return before;
    const busy = await start(row, stack, due.target).catch((error) => {
      log.warn('a migration of a drain was not started', { drain: row.id, stack: stack.id, error });
      return null;
    });
    const after = await this.#seen(row.id, stack.id);
    if (after || !busy) return after ?? { type: 'unstarted', stack_id: stack.id };
    const message = `Migration ${busy} of this stack is under way.`;
    return { type: 'refused', stack_id: stack.id, obstacle: { code: 'migration_running', message } };
  }

  async #seen(id: string, stackId: string): Promise<DrainEvent | null> {
    const migrations = await this.#ports.store.migrationsOf(id);
    return migrations.some(({ stack_id }) => stack_id === stackId) ? { type: 'seen', migrations } : null;
  }

  /** Returns the row after the event; null if there is none. */
  #apply(id: string, event: DrainEvent): Promise<DrainRow | null> {
    return this.#inTurn(async () => {
      const { store } = this.#ports;
      for (let attempt = 0; attempt < limits.control.commitTriesMax; attempt++) {
        const row = await store.load(id);
        const now = Date.now();
        const run = row && advance(row.run, event, now);
        if (!row || !run) return row;
        if ((await store.commit(row, run, event.type, now)) === 'stale') continue;
        return { ...row, status: run.status, version: row.version + 1, run };
      }
      throw new Error(`drain ${id}: other writers kept winning`);
    });
  }

  /** Serialized with transitions, so the alarm of a drain that was just resumed is never deleted. */
  #rearm(id: string): Promise<void> {
    return this.#inTurn(async () => {
      const { store, memory } = this.#ports;
      const row = await store.load(id);
      if (row && isWaiting(row.run)) await memory.setAlarm(Date.now() + limits.drain.pollMs);
      else await memory.deleteAlarm();
    });
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => null);
    return result;
  }
}

function refusal(status: DrainStatus): { code: ErrorCode; message: string } {
  return {
    code: 'drain_ended',
    message: status === 'aborting' ? 'It is being aborted.' : `It has ended: "${status}".`,
  };
}

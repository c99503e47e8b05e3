import { limits } from '../../../schema/limits.ts';
import { isTerminal } from '../../../schema/migration-status.ts';
import type { Saga, SagaCommand } from '../../../schema/saga.ts';
import type { Preflight } from '../preflight/preflight-facts.ts';
import { advance } from './advance.ts';
import type { CommittedVersions } from './committed-versions.ts';
import type { SagaEvent } from './events.ts';
import type { CommitOutcome, CoordinatorPorts, MigrationRow } from './ports.ts';

/** Called once a transition is written. */
interface Committed {
  commands(saga: Saga, commands: SagaCommand[]): void;
  /** The status has changed. */
  status(): void;
}

/** Runs one stack's transitions one after another: load, advance, commit, send, set the alarm. */
export class Transitions {
  readonly #ports: Pick<CoordinatorPorts, 'store' | 'memory'>;
  readonly #versions: CommittedVersions;
  readonly #committed: Committed;
  #turn: Promise<unknown> = Promise.resolve();

  constructor(ports: Pick<CoordinatorPorts, 'store' | 'memory'>, versions: CommittedVersions, committed: Committed) {
    this.#ports = ports;
    this.#versions = versions;
    this.#committed = committed;
  }

  /**
   * Loads, advances and commits, then sends and sets the alarm. A record that is behind what was committed gets `restored`
   * instead of the given event. Retries after losing an optimistic-lock race. `traceId`: of the request that asks for it.
   */
  apply(
    id: string,
    given: SagaEvent | ((row: MigrationRow) => SagaEvent | Promise<SagaEvent>),
    preflight: Preflight | null = null,
    traceId: string | null = null,
  ): Promise<{ row: MigrationRow | null; changed: boolean; outcome?: CommitOutcome }> {
    return this.inTurn(async () => {
      const { store } = this.#ports;
      for (let attempt = 0; attempt < limits.control.commitTriesMax; attempt++) {
        const row = await store.load(id);
        if (!row) return { row, changed: false };
        const wanted = typeof given === 'function' ? await given(row) : given;
        const event: SagaEvent = (await this.#versions.isBehind(row)) ? { type: 'restored' } : wanted;
        const now = Date.now();
        const next = advance(traceId === null ? row.saga : { ...row.saga, trace_id: traceId }, event, now);
        if (!next) return { row, changed: false };
        const outcome = await store.commit(row, next, event.type, now, preflight);
        if (outcome === 'stale' || outcome === 'late') continue;
        if (outcome !== 'committed') return { row, changed: false, outcome };
        if (next.saga.status !== row.status) this.#committed.status();
        this.#committed.commands(next.saga, next.commands);
        await this.#versions.record(next.saga, row.version + 1);
        await this.rearm(row.stack_id, isWaiting(next.saga));
        return { row: { ...row, status: next.saga.status, saga: next.saga }, changed: event.type === wanted.type };
      }
      throw new Error(`migration ${id}: other writers kept winning`);
    });
  }

  /**
   * `waits`: the committed migration waits for something, even if the database was restored since and no longer shows
   * it.
   */
  async rearm(stackId: string, waits = false): Promise<void> {
    const { store, memory } = this.#ports;
    const check = Date.now() + limits.control.commandCheckMs;
    const due = (await store.waitingOf(stackId)).map(({ status, saga }) => {
      const deadline = saga.deadline_at ?? Number.POSITIVE_INFINITY;
      return isTerminal(status) ? deadline : Math.min(deadline, check);
    });
    if (due.length === 0 && waits) due.push(check);
    if (due.length === 0) await memory.deleteAlarm();
    else await memory.setAlarm(Math.max(Math.min(...due), Date.now() + 1));
  }

  /** Runs the transitions of a stack one after another. */
  inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => null);
    return result;
  }
}

const isWaiting = ({ status, deadline_at }: Saga): boolean => !isTerminal(status) || deadline_at !== null;

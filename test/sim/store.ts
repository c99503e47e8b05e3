import type { Command } from '../../schema/commands.ts';
import { isTerminal, type Status } from '../../schema/migration-status.ts';
import type { SagaCommand } from '../../schema/saga.ts';
import { announcements } from '../../worker/saga/migration/announcements.ts';
import { distrusted, isBelieved } from '../../worker/saga/migration/distrust.ts';
import type { MigrationRow, MigrationStore } from '../../worker/saga/migration/ports.ts';
import { homeAfter } from '../../worker/saga/migration/terminal.ts';
import { type Actor, epochMs } from './clock.ts';
import type { World } from './world.ts';

interface Recorded {
  command: SagaCommand;
  migration_id: string;
  stack_id: string;
  closed: boolean;
}

export interface SimStore extends MigrationStore {
  openCommandsFor(host: string): Promise<Omit<Command, 'type'>[]>;
  ownerOf(command: string): Promise<Recorded | null>;
}

export interface Backup {
  rows: [string, MigrationRow][];
  homes: [string, string][];
  commands: [string, Recorded][];
}

function refill<V>(map: Map<string, V>, entries: [string, V][]): void {
  map.clear();
  for (const [key, value] of entries) map.set(key, value);
}

/** D1 in memory, with the guard of `worker/store/migration-store.ts`: versions are unique, one active migration a stack. */
export class Store {
  readonly rows = new Map<string, MigrationRow>();
  readonly homes = new Map<string, string>();
  /** F7: until then nothing is answered. */
  downUntil = 0;
  /** F6: this many commits will take, and their answers be lost. */
  answersToLose = 0;
  /** The next commit is on its way for so long, while another object takes its writer's place. */
  holdUpMs = 0;
  /**
   * Rows that fell back to an earlier version, until their hosts were heard, with the status they fell back from: what they
   * say need not be so, and hosts may still carry out what that status asked for.
   */
  readonly behind = new Map<string, Status>();
  #restorations = 0;
  readonly #commands = new Map<string, Recorded>();
  /** Ids of commands, also of those that a restored database knows no more. */
  readonly #ever = new Set<string>();
  readonly #world: World;

  constructor(world: World) {
    this.#world = world;
  }

  newestOf(stackId: string): MigrationRow | undefined {
    return [...this.rows.values()].findLast(({ stack_id }) => stack_id === stackId);
  }

  /** Of a stack, the newest migration that was not refused at once. */
  newestMove(stackId: string): MigrationRow | undefined {
    return [...this.rows.values()].findLast(({ stack_id, saga }) => stack_id === stackId && saga.steps.preparing);
  }

  /** A copy of all of it, as a backup has it. */
  backup(): Backup {
    return structuredClone({ rows: [...this.rows], homes: [...this.homes], commands: [...this.#commands] });
  }

  /** `distrust`: the restore leaves a mark, as `stackferry restore` does. */
  restore(backup: Backup, distrust: boolean): void {
    this.#restorations += 1;
    const { rows, homes, commands } = structuredClone(backup);
    for (const [id, { version }] of rows) {
      const newer = this.rows.get(id);
      if (newer && newer.version > version) this.behind.set(id, newer.status);
    }
    refill(this.rows, rows);
    refill(this.homes, homes);
    refill(this.#commands, commands);
    if (!distrust) return;
    for (const stackId of this.homes.keys()) {
      const row = this.newestOf(stackId);
      if (row && !isBelieved(row.status)) row.saga = { ...row.saga, ...distrusted };
    }
  }

  isRecorded(command: string): boolean {
    return this.#ever.has(command);
  }

  open(): Recorded[] {
    return [...this.#commands.values()].filter(({ closed }) => !closed);
  }

  for(caller: Actor): SimStore {
    const ask = <T>(act: () => T) => this.#ask(caller, act);
    return {
      load: (id) => ask(() => this.rows.get(id) ?? null),
      activeOf: (stackId) => ask(() => this.#activeOf(stackId)),
      waitingOf: (stackId) =>
        ask(() =>
          [...this.rows.values()].filter(
            ({ stack_id, status, saga }) => stack_id === stackId && (!isTerminal(status) || saga.deadline_at !== null),
          ),
        ),
      homeOf: (stackId) => ask(() => this.homes.get(stackId) ?? null),
      insert: (row) =>
        this.#write(caller, `insert ${row.id}`, 0, () => {
          if (this.#activeOf(row.stack_id)) return 'busy';
          this.rows.set(row.id, { ...row, version: 1, updated_at: row.created_at });
          return 'inserted';
        }),
      commit: (row, next, cause, now, preflight) =>
        this.#write(caller, `commit of ${row.status} + ${cause}`, this.#heldUpMs(row.stack_id), () => {
          const stored = this.rows.get(row.id);
          const { plant } = this.#world.options;
          if (!stored || (stored.version !== row.version && !plant?.unlocked)) return 'stale';
          const { saga, commit_by } = next;
          if (commit_by !== null && commit_by !== undefined && this.#world.time.now + epochMs > commit_by)
            return 'late';
          const active = this.#activeOf(row.stack_id);
          if (!isTerminal(saga.status) && active && active.id !== row.id) return 'busy';
          this.#world.trace('control', `${row.id.slice(-4)}: ${cause}: ${row.status} → ${told(next)}`);
          const owed = announcements(stored.status, next);
          if (stored.saga.telling && !saga.telling) this.behind.delete(row.id);
          this.#world.course.committed(stored, next, now, plant?.owed?.(owed, stored, next) ?? owed);
          if (saga.status !== stored.status) this.#world.onStatus?.(stored, saga.status);
          const wasOver = isTerminal(row.status);
          const ended_at = !isTerminal(saga.status) ? null : wasOver ? row.ended_at : now;
          const changed = { status: saga.status, version: row.version + 1, saga, updated_at: now, ended_at };
          this.rows.set(row.id, { ...stored, ...changed, ...(preflight ? { report: preflight.report } : {}) });
          for (const id of next.closed) this.#close(id);
          for (const command of next.commands) {
            this.#ever.add(command.id);
            this.#commands.set(command.id, { command, migration_id: row.id, stack_id: row.stack_id, closed: false });
          }
          const home = homeAfter(row.status, saga);
          if (home) this.homes.set(row.stack_id, home);
          return 'committed';
        }),
      openCommandsFor: (host) =>
        ask(() =>
          this.open()
            .filter(({ command }) => command.host === host)
            .map(({ command: { host: _, ...command }, migration_id }) => ({
              ...command,
              migration_id,
              trace_id: null,
            })),
        ),
      ownerOf: (id) => ask(() => this.#commands.get(id) ?? null),
    };
  }

  #close(id: string): void {
    const recorded = this.#commands.get(id);
    if (recorded) recorded.closed = true;
  }

  #activeOf(stackId: string): MigrationRow | null {
    return [...this.rows.values()].find(({ stack_id, status }) => stack_id === stackId && !isTerminal(status)) ?? null;
  }

  /**
   * A write whose writer died meanwhile may still be applied; its answer may be lost (F6). A write that is under way while
   * an earlier moment is restored is not applied: D1 cancels it, and a restore of everything has stopped its writer.
   */
  #write<T>(caller: Actor, what: string, heldUpMs: number, act: () => T): Promise<T> {
    const sentAt = this.#restorations;
    return this.#world.remote(caller, this.#ms() + heldUpMs, () => {
      this.#assertUp();
      if (sentAt !== this.#restorations) throw new Error('D1: cancelled by a restore');
      const lived = caller.alive;
      this.#world.crashPoint(`before ${what}`, caller);
      if (lived && !caller.alive) throw new Error(`the writer died before ${what}`);
      const result = act();
      this.#world.crashPoint(`after ${what}`, caller);
      if (this.answersToLose > 0) {
        this.answersToLose -= 1;
        throw new Error('D1: the answer was lost');
      }
      return result;
    });
  }

  #heldUpMs(stackId: string): number {
    const ms = this.holdUpMs;
    this.holdUpMs = 0;
    if (ms > 0) this.#world.control.objects.evict(stackId);
    return ms;
  }

  #ask<T>(caller: Actor, act: () => T): Promise<T> {
    return this.#world.port(caller, this.#ms(), () => {
      this.#assertUp();
      return act();
    });
  }

  #ms(): number {
    const { random, troubled } = this.#world;
    return troubled ? random.longTail(0.2, 400) : random.between(0.2, 3);
  }

  #assertUp(): void {
    const { random, troubled, time } = this.#world;
    if (time.now < this.downUntil) throw new Error('D1 is down');
    if (troubled && random.chance(0.003)) throw new Error('D1 failed');
  }
}

function told({
  saga,
  commands,
}: {
  saga: { status: Status; undo: { phase: string } | null };
  commands: SagaCommand[];
}) {
  const sent = commands.map(({ kind, host }) => `${kind}@${host}`).join(', ');
  return `${saga.status}${saga.undo ? ` (undo: ${saga.undo.phase})` : ''}${sent ? `; sends ${sent}` : ''}`;
}

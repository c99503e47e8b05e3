import type { Outcome, RequestKind } from '../../../schema/agent-protocol.ts';
import type { Command } from '../../../schema/commands.ts';
import type { migration } from '../../tables/migrations.ts';
import type { Preflight } from '../preflight/preflight-facts.ts';
import type { Transition } from './transition.ts';

/** Whether its history was trimmed is the retention's business alone. */
export type MigrationRow = Omit<typeof migration.$inferSelect, 'trimmed'>;

/**
 * `stale`: lost the optimistic-lock race. `late`: `commit_by` has passed. `busy`: the stack already has another active
 * migration. `host_deleted`: one of the hosts is being deleted. `no_room`: the target's room was reserved by others
 * since the pre-flight.
 */
export type CommitOutcome = 'committed' | 'stale' | 'late' | 'busy' | 'host_deleted' | 'no_room';
export type InsertOutcome = 'inserted' | 'busy' | 'host_deleted';

/** The platform as the coordinator sees it: D1 and Durable Objects in the Worker, fakes in the simulation. */
export interface CoordinatorPorts {
  store: MigrationStore;
  hosts: Hosts;
  memory: DurableMemory;
  preflight(row: MigrationRow): Promise<Preflight>;
  /** Continues after the response; a crash may cut it off. */
  background(work: Promise<unknown>): void;
}

/** The source of truth. A transition is written atomically, and only on top of the version it was computed from. */
export interface MigrationStore {
  load(id: string): Promise<MigrationRow | null>;
  /** `busy` if the stack already has an active migration. */
  insert(row: Omit<MigrationRow, 'version' | 'updated_at'>): Promise<InsertOutcome>;
  commit(
    row: MigrationRow,
    next: Transition,
    cause: string,
    now: number,
    preflight: Preflight | null,
  ): Promise<CommitOutcome>;
  activeOf(stackId: string): Promise<MigrationRow | null>;
  /** The stack's migrations that wait for something: active ones, and terminal ones with a retry due. */
  waitingOf(stackId: string): Promise<MigrationRow[]>;
  /** The host the stack lives on; null if the stack is no longer known. */
  homeOf(stackId: string): Promise<string | null>;
}

export interface Hosts {
  online(host: string): Promise<boolean>;
  /** Sends newly recorded commands if the host is connected. */
  deliver(host: string, commands: Omit<Command, 'type'>[]): Promise<void>;
  /** Sends every recorded command without an answer. */
  deliverOwed(host: string): Promise<void>;
  /** Never throws: failures are outcomes. */
  request(host: string, kind: RequestKind, payload: unknown, timeoutMs: number): Promise<Outcome>;
}

/** Storage of one stack's object; survives an eviction. */
export interface DurableMemory {
  get(key: string): Promise<unknown>;
  put(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<unknown>;
  /** There is one alarm; a later call moves it. */
  setAlarm(at: number): Promise<void>;
  deleteAlarm(): Promise<void>;
}

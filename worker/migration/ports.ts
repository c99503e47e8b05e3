import type { Command, Outcome, RequestKind } from '../../schema/agent-protocol.ts';
import type { migration } from '../../schema/tables.ts';
import type { Preflight } from './preflight-facts.ts';
import type { Transition } from './turn.ts';

export type MigrationRow = typeof migration.$inferSelect;

/**
 * `stale`: another writer was first. `late`: `commit_by` has passed. `busy`: it would become active while another migration
 * of its stack is. `host_deleted`: likewise while one of its hosts leaves the fleet. `no_room`: others were promised the
 * target's room since the pre-flight looked.
 */
export type CommitOutcome = 'committed' | 'stale' | 'late' | 'busy' | 'host_deleted' | 'no_room';
export type InsertOutcome = 'inserted' | 'busy' | 'host_deleted';

/** What the coordinator needs of the platform. The Worker gives it D1 and Durable Objects, the simulation its own. */
export interface CoordinatorPorts {
  store: MigrationStore;
  hosts: Hosts;
  memory: DurableMemory;
  preflight(row: MigrationRow): Promise<Preflight>;
  /** Goes on after the answer was given; a crash may end it. */
  background(work: Promise<unknown>): void;
}

/** The truth. A transition is written whole or not at all, and only on top of the version it was worked out from. */
export interface MigrationStore {
  load(id: string): Promise<MigrationRow | null>;
  /** `busy` where the stack already has an active migration. */
  insert(row: Omit<MigrationRow, 'version' | 'updated_at'>): Promise<InsertOutcome>;
  commit(
    row: MigrationRow,
    next: Transition,
    cause: string,
    now: number,
    preflight: Preflight | null,
  ): Promise<CommitOutcome>;
  activeOf(stackId: string): Promise<MigrationRow | null>;
  /** Those of a stack that wait for something: active ones, and ended ones with a retry due. */
  waitingOf(stackId: string): Promise<MigrationRow[]>;
  /** The host that the stack lives on, null where it is not known any more. */
  homeOf(stackId: string): Promise<string | null>;
}

export interface Hosts {
  online(host: string): Promise<boolean>;
  /** Sends what was just recorded, if there is anyone to send it to. */
  deliver(host: string, commands: Omit<Command, 'type'>[]): Promise<void>;
  /** Sends every recorded command that is not answered. */
  deliverOwed(host: string): Promise<void>;
  /** Never throws: what goes wrong is an outcome. */
  request(host: string, kind: RequestKind, payload: unknown, timeoutMs: number): Promise<Outcome>;
}

/** Survives an eviction; belongs to one stack. */
export interface DurableMemory {
  get(key: string): Promise<unknown>;
  put(key: string, value: unknown): Promise<void>;
  delete(key: string): Promise<unknown>;
  /** One alarm; a later call moves it. */
  setAlarm(at: number): Promise<void>;
  deleteAlarm(): Promise<void>;
}

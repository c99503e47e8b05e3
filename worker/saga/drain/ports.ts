import type { DrainRun, DrainStack } from '../../../schema/drain.ts';
import type { drain } from '../../tables/drains.ts';
import type { DurableMemory } from '../migration/ports.ts';
import type { Choice } from './advance.ts';
import type { MigrationSeen } from './settle.ts';

export type DrainRow = typeof drain.$inferSelect;

/** The platform as the coordinator sees it. */
export interface DrainPorts {
  store: DrainStore;
  memory: DurableMemory;
  /** Returns the stacks in the order they should move. Read-only. */
  survey(run: DrainRun, stacks: DrainStack[]): Promise<Choice[]>;
  /** Starts an ordinary migration. Returns null, or the id of another migration that holds the stack. */
  start(row: DrainRow, stack: DrainStack, target: string): Promise<string | null>;
  cancel(migration: MigrationSeen): Promise<void>;
  /** Continues after the response; a crash may cut it off. */
  background(work: Promise<unknown>): void;
}

/** The source of truth. A transition is written atomically, and only on top of the version it was computed from. */
export interface DrainStore {
  load(id: string): Promise<DrainRow | null>;
  /** Cordons the host. `busy` if the host has another active drain. */
  insert(run: DrainRun, requestedBy: string, now: number): Promise<'inserted' | 'busy'>;
  commit(row: DrainRow, run: DrainRun, cause: string, now: number): Promise<'committed' | 'stale'>;
  migrationsOf(id: string): Promise<MigrationSeen[]>;
}

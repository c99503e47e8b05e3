import type { DrainRun, DrainStack } from '../../schema/drain.ts';
import type { drain } from '../../schema/tables.ts';
import type { DurableMemory } from '../migration/ports.ts';
import type { Choice } from './advance.ts';
import type { MigrationSeen } from './settle.ts';

export type DrainRow = typeof drain.$inferSelect;

/** What the coordinator needs of the platform. */
export interface DrainPorts {
  store: DrainStore;
  memory: DurableMemory;
  /** In the order they should go; changes nothing. */
  survey(run: DrainRun, stacks: DrainStack[]): Promise<Choice[]>;
  /** Starts the ordinary migration. Null, or the id of another one that holds the stack. */
  start(row: DrainRow, stack: DrainStack, target: string): Promise<string | null>;
  cancel(migration: MigrationSeen): Promise<void>;
  /** Goes on after the answer was given; a crash may end it. */
  background(work: Promise<unknown>): void;
}

/** The truth. A transition is written whole or not at all, and only on top of the version it was worked out from. */
export interface DrainStore {
  load(id: string): Promise<DrainRow | null>;
  /** Cordons the host. `busy` where another drain of it is active. */
  insert(run: DrainRun, requestedBy: string, now: number): Promise<'inserted' | 'busy'>;
  commit(row: DrainRow, run: DrainRun, cause: string, now: number): Promise<'committed' | 'stale'>;
  migrationsOf(id: string): Promise<MigrationSeen[]>;
}

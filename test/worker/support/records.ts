import { env } from 'cloudflare:workers';
import { drizzle } from 'drizzle-orm/d1';
import type { StackSummary } from '../../../schema/facts.ts';
import { newId } from '../../../schema/ids.ts';
import { isTerminal, type Status } from '../../../schema/migration-status.ts';
import { moveOptionsOf } from '../../../schema/move-options.ts';
import type { SafetyWindow, Saga } from '../../../schema/saga.ts';
import { newSaga } from '../../../worker/saga/migration/start.ts';
import { stack } from '../../../worker/tables/fleet.ts';
import { command, migration, migrationEvent } from '../../../worker/tables/migrations.ts';

/** Rows as they would have come to be. */

export const summaryOf = (project: string): StackSummary => ({
  project,
  plain: false,
  working_dir: `/srv/${project}`,
  config_files: ['compose.yaml'],
  services: [{ name: 'web', image: 'nginx:1', running: 1, total: 1 }],
  volumes: [`${project}_data`],
  ports: [],
  bind_mounts: [],
  running: true,
});

export async function insertStack(name: string, home_id: string): Promise<string> {
  const id = newId('stack');
  const now = Date.now();
  await drizzle(env.DB)
    .insert(stack)
    .values({ id, name, home_id, summary: summaryOf(name), created_at: now, seen_at: now });
  return id;
}

/** A safety window of 72 hours that ends then, with nothing purged. */
export const windowEndingAt = (ends_at: number): SafetyWindow => ({
  completed_at: ends_at - 72 * 3_600_000,
  ends_at,
  reminded_at: null,
  copy_running: false,
  copy_ran: false,
  source_purge: null,
  target_purge: null,
});

export interface MigrationRecord {
  stack_id: string;
  stack_name: string;
  source_host_id: string;
  target_host_id: string;
  status?: Status;
  created_at?: number;
  /** Over a new saga. */
  saga?: Partial<Saga>;
}

export async function insertMigration(record: MigrationRecord): Promise<string> {
  const { status = 'transferring', created_at = Date.now(), saga = {}, ...ids } = record;
  const id = newId('mig', created_at);
  const input = {
    ...ids,
    mode: 'stop-copy',
    verify: 'manifest',
    sizing: 'host',
    ...moveOptionsOf({}),
    health_timeout_s: 60,
    callback_url: null,
    requested_by: 'tok_test',
    window_ms: 72 * 3_600_000,
  } as const;
  const { health_timeout_s: _, window_ms: __, ...row } = input;
  await drizzle(env.DB)
    .insert(migration)
    .values({
      ...row,
      id,
      status,
      version: 1,
      saga: { ...newSaga(id, input, created_at), status, ...saga },
      failure: saga.failure ?? null,
      created_at,
      updated_at: created_at,
      ended_at: isTerminal(status) ? created_at : null,
    });
  return id;
}

export async function insertCommand(migration_id: string, host_id: string, id: string): Promise<void> {
  await drizzle(env.DB)
    .insert(command)
    .values({
      id,
      migration_id,
      host_id,
      epoch: 1,
      kind: 'stop_stack',
      payload: { project: 'shop' },
      created_at: Date.now(),
    });
}

export async function insertEvent(subject_id: string, kind: string, data: Record<string, unknown>): Promise<void> {
  await drizzle(env.DB).insert(migrationEvent).values({ subject_id, kind, at: Date.now(), data });
}

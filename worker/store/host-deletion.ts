import { and, eq, exists, inArray, isNull, not, or, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { activeDrainStatuses } from '../../schema/drain.ts';
import { takingPhases } from '../../schema/forwarding.ts';
import { activeStatuses, terminalStatuses } from '../../schema/migration-status.ts';
import { hostDeletionRefusal } from '../saga/migration/host-deletion.ts';
import { drain } from '../tables/drains.ts';
import { node } from '../tables/fleet.ts';
import { migration } from '../tables/migrations.ts';
import { hostEvents } from './fleet-events.ts';

/**
 * A host is deleted in two parts: its row is marked, unless something needs the host; then every migration that still
 * expects something of it is settled. A migration can start only on hosts that are not marked (`transition-guard.ts`),
 * so none starts in between.
 */

/** `busy` if something needs the host. A single batch, so nothing can start in between. */
export async function markDeleted(db: D1Database, id: string, now: number): Promise<'deleted' | 'busy' | 'absent'> {
  const orm = drizzle(db);
  const needed = or(
    exists(orm.select({ one: sql`1` }).from(migration).where(needs(id))),
    exists(orm.select({ one: sql`1` }).from(drain).where(emptied(id))),
  );
  const one = and(eq(node.id, id), isNull(node.deleted_at));
  const free = and(one, not(needed as SQL));
  const [, deleted] = await orm.batch([
    hostEvents(db, 'host_deleted', now, free),
    orm
      .update(node)
      .set({ deleted_at: now, revocation_owed: true, connected: false })
      .where(free)
      .returning({ id: node.id }),
  ]);
  if (deleted.length > 0) return 'deleted';
  return (await orm.select({ id: node.id }).from(node).where(one).get()) ? 'busy' : 'absent';
}

/** Why `markDeleted` returned `busy`, as a message for people; null if that no longer holds. */
export async function whyNeeded(db: D1Database, id: string): Promise<string | null> {
  const orm = drizzle(db);
  const row = await orm.select({ saga: migration.saga }).from(migration).where(needs(id)).limit(1).get();
  const refusal = row && hostDeletionRefusal(row.saga, id);
  if (refusal) return refusal.message;
  const draining = await orm.select({ id: drain.id }).from(drain).where(emptied(id)).get();
  return draining ? `Drain ${draining.id} of the host is under way; abort it or wait for its end.` : null;
}

/** A migration that has not ended for this host: it may run, or stop, its stack there at any moment. */
export async function migrationNeeding(db: D1Database, id: string): Promise<{ id: string; status: string } | null> {
  const { id: which, status } = migration;
  return (await drizzle(db).select({ id: which, status }).from(migration).where(needs(id)).limit(1).get()) ?? null;
}

/** Terminal migrations that still expect something of the host, rely on the copy it keeps, or pass connections through it. */
export async function unsettledMigrations(db: D1Database, host: string): Promise<{ id: string; stack_id: string }[]> {
  const purged = (side: string) =>
    sql`json_extract(${migration.saga}, ${`$.window.${side}_purge.done_at`}) IS NOT NULL`;
  const owed = (list: string) => sql`json_array_length(${migration.saga}, ${`$.${list}`}) > 0`;
  const forwards = inArray(sql`json_extract(${migration.saga}, '$.forwarding.phase')`, [...takingPhases]);
  const keeps = or(
    and(eq(migration.status, 'completed'), eq(migration.source_host_id, host), not(purged('source'))),
    and(eq(migration.status, 'rolled_back'), eq(migration.target_host_id, host), not(purged('target'))),
  );
  return drizzle(db)
    .select({ id: migration.id, stack_id: migration.stack_id })
    .from(migration)
    .where(
      and(
        touches(host),
        inArray(migration.status, [...terminalStatuses]),
        or(owed('awaiting'), owed('retry'), keeps, forwards),
      ),
    )
    .all();
}

const touches = (host: string) => or(eq(migration.source_host_id, host), eq(migration.target_host_id, host));

/** Active, or terminal with its restart policies pending: the same rule as `hostDeletionRefusal`. */
const needs = (host: string) =>
  and(
    touches(host),
    sql`(${inArray(migration.status, [...activeStatuses])}
      OR EXISTS (SELECT 1 FROM json_each(${migration.saga}, '$.awaiting')
        WHERE json_extract(value, '$.kind') IN ('arm_target', 'arm_source'))
      OR EXISTS (SELECT 1 FROM json_each(${migration.saga}, '$.retry') WHERE value IN ('arm_target', 'arm_source')))`,
  );

const emptied = (host: string) => and(eq(drain.host_id, host), inArray(drain.status, [...activeDrainStatuses]));

import { and, lte, max, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { limits } from '../../schema/limits.ts';
import { audit } from '../tables/access.ts';

export type AuditRow = typeof audit.$inferSelect;

/**
 * Who acts: an API token, a host or relay with its own credentials, or the operator on the control plane's own machine.
 */
export interface Actor {
  kind: AuditRow['actor_kind'];
  id: string;
  name: string;
}

type Concerned = 'stack_name' | 'host_id' | 'target_host_id';
export type AuditEntry = Omit<
  typeof audit.$inferInsert,
  'id' | 'actor_kind' | 'actor_id' | 'actor_name' | Concerned
> & {
  actor: Actor;
};

export async function insertAudit(db: D1Database, { actor, ...entry }: AuditEntry): Promise<void> {
  const { kind: actor_kind, id: actor_id, name: actor_name } = actor;
  await drizzle(db)
    .insert(audit)
    .values({ ...entry, actor_kind, actor_id, actor_name, ...concernedBy(entry.objects) });
}

/** What an act concerns, by the rows of then: a migration and a drain are forgotten before the act is. */
function concernedBy(objects: AuditEntry['objects']): { [name in Concerned]: SQL | string | null } {
  const ids = [objects.id, objects.created].filter((id) => id !== undefined);
  const of = (kind: string) => ids.find((id) => id.startsWith(`${kind}_`));
  const [moved, drained, host = null] = [of('mig'), of('drain'), of('host')];
  const name = objects.name ?? null;
  if (moved !== undefined) {
    const its = (column: string) => sql`(SELECT ${sql.identifier(column)} FROM "migration" WHERE "id" = ${moved})`;
    const stack_name = sql`coalesce(${its('stack_name')}, ${name})`;
    return { stack_name, host_id: its('source_host_id'), target_host_id: its('target_host_id') };
  }
  const host_id = host ?? (drained === undefined ? null : sql`(SELECT "host_id" FROM "drain" WHERE "id" = ${drained})`);
  return { stack_name: name, host_id, target_host_id: null };
}

/** Deletes expired entries and those beyond the maximum number, a bounded share per call. Returns how many. */
export async function forgetOldAudit(db: D1Database, now: number): Promise<number> {
  const { auditKeepMs, auditRowsMax, expireRowsMax, expireRoundsMax } = limits.api;
  const orm = drizzle(db);
  const [newest] = await orm.select({ id: max(audit.id) }).from(audit);
  const beyond = (newest?.id ?? 0) - auditRowsMax;
  let forgotten = 0;
  for (let round = 0; round < expireRoundsMax; round++) {
    // Ids rise with time, so the oldest rows come first and the loop stops at the first batch with a row to keep.
    const oldest = orm.select({ id: audit.id }).from(audit).orderBy(audit.id).limit(expireRowsMax).as('oldest');
    const gone = await orm
      .delete(audit)
      .where(
        and(
          sql`${audit.id} IN (SELECT id FROM ${oldest})`,
          sql`(${lte(audit.at, now - auditKeepMs)} OR ${lte(audit.id, beyond)})`,
        ),
      )
      .returning({ id: audit.id });
    forgotten += gone.length;
    if (gone.length < expireRowsMax) break;
  }
  return forgotten;
}

import { and, lte, max, sql } from 'drizzle-orm';
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

export type AuditEntry = Omit<typeof audit.$inferInsert, 'id' | 'actor_kind' | 'actor_id' | 'actor_name'> & {
  actor: Actor;
};

export async function insertAudit(db: D1Database, { actor, ...entry }: AuditEntry): Promise<void> {
  const { kind: actor_kind, id: actor_id, name: actor_name } = actor;
  await drizzle(db)
    .insert(audit)
    .values({ ...entry, actor_kind, actor_id, actor_name });
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

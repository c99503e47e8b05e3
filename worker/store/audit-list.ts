import { and, desc, eq, gte, lt, or, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { AuditKind } from '../../schema/api/access.ts';
import { limits } from '../../schema/limits.ts';
import { audit } from '../tables/access.ts';
import type { AuditRow } from './audit.ts';

/** `since` and `until` in epoch milliseconds. */
export interface AuditFilter {
  actor?: string | undefined;
  act?: string | undefined;
  kind?: AuditKind | undefined;
  host?: string | undefined;
  stack?: string | undefined;
  since?: number | undefined;
  until?: number | undefined;
}

/**
 * Entries older than `before`, newest first. `next` is the `before` of the following call; null at the end. No index helps with
 * `kind`, `host` and `stack`: with them a call looks through a bounded number of entries, so it may find none and have a `next`.
 */
export async function listAudit(
  db: D1Database,
  filter: AuditFilter,
  before: number | null,
  limit: number,
): Promise<{ rows: AuditRow[]; next: number | null }> {
  const range = await rangeOf(db, filter);
  if (!range) return { rows: [], next: null };
  const top = Math.min(before ?? Number.POSITIVE_INFINITY, range.top);
  const { kind, host, stack } = filter;
  const isSearched = kind !== undefined || host !== undefined || stack !== undefined;
  const floor = isSearched ? Math.max(range.bottom, top - limits.api.auditScanRowsMax) : range.bottom;
  const found = await drizzle(db)
    .select()
    .from(audit)
    .where(and(lt(audit.id, top), gte(audit.id, floor), wanted(filter)))
    .orderBy(desc(audit.id))
    .limit(limit + 1)
    .all();
  const rows = found.slice(0, limit);
  const last = rows.at(-1);
  if (found.length > limit && last) return { rows, next: last.id };
  return { rows, next: floor > range.bottom ? floor : null };
}

/**
 * The ids among which entries of the time lie, `bottom` included and `top` not; null if there are none. Ids follow the end of
 * requests, times their beginning, and a request lasts the slack at most: what began that long before `since` had ended by
 * then, and what began that long after `until` ended after all that is asked for.
 */
async function rangeOf(db: D1Database, { since, until }: AuditFilter): Promise<{ bottom: number; top: number } | null> {
  const slack = limits.api.auditSlackMs;
  const before =
    since === undefined
      ? sql`NULL`
      : sql`(SELECT id FROM ${audit} WHERE ${audit.at} < ${since - slack} ORDER BY ${audit.at} DESC LIMIT 1)`;
  const beyond =
    until === undefined
      ? sql`NULL`
      : sql`(SELECT id FROM ${audit} WHERE ${audit.at} >= ${until + slack} ORDER BY ${audit.at} LIMIT 1)`;
  const ids = await drizzle(db).get<{ [name in 'oldest' | 'newest' | 'before' | 'beyond']: number | null }>(sql`SELECT
    (SELECT min(id) FROM ${audit}) AS oldest,
    (SELECT max(id) FROM ${audit}) AS newest,
    ${before} AS before,
    ${beyond} AS beyond`);
  if (ids.oldest === null || ids.newest === null) return null;
  return { bottom: ids.before === null ? ids.oldest : ids.before + 1, top: ids.beyond ?? ids.newest + 1 };
}

function wanted({ actor, act, kind, host, stack, since, until }: AuditFilter): SQL | undefined {
  return and(
    actor === undefined ? undefined : eq(audit.actor_id, actor),
    act === undefined ? undefined : eq(audit.act, act),
    kind === undefined ? undefined : isAbout(kind),
    host === undefined
      ? undefined
      : or(...[audit.actor_id, audit.host_id, audit.target_host_id].map((id) => eq(id, host))),
    stack === undefined ? undefined : eq(audit.stack_name, stack),
    since === undefined ? undefined : gte(audit.at, since),
    until === undefined ? undefined : lt(audit.at, until),
  );
}

function isAbout(kind: AuditKind): SQL {
  if (kind === 'events') return sql`${audit.act} NOT GLOB '* /*'`;
  const path = kind === 'login' ? '/ui/login' : `/api/v1/${kind}`;
  return sql`(${audit.act} GLOB ${`* ${path}`} OR ${audit.act} GLOB ${`* ${path}/*`})`;
}

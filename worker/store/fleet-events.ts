import { and, eq, inArray, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core';
import type { fleetEventTypes } from '../../schema/api/events.ts';
import type { DrainStatus } from '../../schema/drain.ts';
import { limits } from '../../schema/limits.ts';
import { hostBack, hostLeft, node } from '../tables/fleet.ts';
import { migrationEvent } from '../tables/migrations.ts';

/** Events of drains and hosts, in the table and the order of those of migrations. Each is written with what it reports. */

type HostEvent = Exclude<(typeof fleetEventTypes)[number], 'drain_status'>;

/** For the batch of the drain's transition. */
export function drainStatusEvent(
  db: D1Database,
  id: string,
  at: number,
  data: { from?: DrainStatus; to: DrainStatus },
) {
  return drizzle(db).insert(migrationEvent).values({ subject_id: id, kind: 'drain_status', at, data });
}

/** An event for each host that `which` finds; for the batch of the change that it reports, before that change. */
export function hostEvents(db: D1Database, kind: HostEvent, at: number, which: SQL | undefined, more: SQL = sql``) {
  const orm = drizzle(db);
  return orm.insert(migrationEvent).select(
    orm
      .select({
        id: sql`NULL`.as('id'),
        subject_id: sql`${node.id}`.as('subject_id'),
        kind: sql`${kind}`.as('kind'),
        at: sql`${at}`.as('at'),
        data: sql`json_object('name', ${node.name}${more})`.as('data'),
      })
      .from(node)
      .where(and(eq(node.kind, 'host'), which)),
  );
}

/** For the batch in which the row gets the version that its agent says. A host that says one for the first time was not upgraded. */
export const upgradeEvent = (db: D1Database, id: string, version: string, at: number) =>
  hostEvents(
    ...([db, 'host_upgraded', at] as const),
    and(eq(node.id, id), sql`${node.deleted_at} IS NULL AND ${node.agent_version} <> ${version}`),
    sql`, 'from', ${node.agent_version}, 'to', ${version}`,
  );

const rfc3339 = (column: AnySQLiteColumn) => sql`strftime('%Y-%m-%dT%H:%M:%fZ', ${column} / 1000.0, 'unixepoch')`;

/**
 * Records which hosts have been away for `limits.control.absentMs`, and which of those are back. So a host that connects again, as
 * all do after a deploy, writes nothing but its row, and no absence of a moment is told. Returns how many events.
 */
export async function recordAbsences(db: D1Database, now: number): Promise<number> {
  const orm = drizzle(db);
  // The same hosts for both statements.
  const some = (which: SQL) =>
    inArray(
      node.id,
      sql`(SELECT "id" FROM "node" WHERE ${which} ORDER BY "seen_at", "id" LIMIT ${limits.cron.absencesMax})`,
    );
  const left = some(sql`${hostLeft} AND "seen_at" <= ${now - limits.control.absentMs}`);
  const back = some(hostBack);
  const [, gone, , returned] = await orm.batch([
    hostEvents(db, 'host_offline', now, left, sql`, 'seen_at', ${rfc3339(node.seen_at)}`),
    orm.update(node).set({ absent_since: sql`seen_at` }).where(left).returning({ id: node.id }),
    hostEvents(db, 'host_online', now, back, sql`, 'absent_since', ${rfc3339(node.absent_since)}`),
    orm.update(node).set({ absent_since: null }).where(back).returning({ id: node.id }),
  ]);
  return gone.length + returned.length;
}

import { and, asc, desc, eq, inArray, isNotNull, isNull, lt, ne, or } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import { activeDrainStatuses, type DrainStatus } from '../../schema/drain.ts';
import { limits } from '../../schema/limits.ts';
import { steps } from '../../schema/migration-status.ts';
import type { DrainRow } from '../saga/drain/ports.ts';
import { drain } from '../tables/drains.ts';
import { node, stack } from '../tables/fleet.ts';
import { migration } from '../tables/migrations.ts';
import type { NodeRow } from './nodes.ts';

/** Queries about drains; only `drain-store.ts` writes transitions. */

/** Newest first. Returns `limit + 1` rows if there are more. */
export async function listDrains(
  db: D1Database,
  { host, status }: { host?: string | undefined; status?: DrainStatus[] | undefined },
  before: string | null,
  limit: number,
): Promise<DrainRow[]> {
  const wanted = and(
    host === undefined ? undefined : eq(drain.host_id, host),
    status === undefined ? undefined : inArray(drain.status, status),
    before === null ? undefined : lt(drain.id, before),
  );
  return drizzle(db)
    .select()
    .from(drain)
    .where(wanted)
    .orderBy(desc(drain.id))
    .limit(limit + 1)
    .all();
}

const active = inArray(drain.status, [...activeDrainStatuses]);

export async function activeDrainIds(db: D1Database): Promise<string[]> {
  return (await drizzle(db).select({ id: drain.id }).from(drain).where(active).all()).map(({ id }) => id);
}

export async function activeDrainOf(db: D1Database, hostId: string): Promise<string | null> {
  const one = and(eq(drain.host_id, hostId), active);
  return (await drizzle(db).select({ id: drain.id }).from(drain).where(one).get())?.id ?? null;
}

/** The stacks whose home is this host and that it reports, by name. */
export async function stacksOn(db: D1Database, hostId: string): Promise<{ id: string; name: string }[]> {
  return drizzle(db)
    .select({ id: stack.id, name: stack.name })
    .from(stack)
    .where(and(eq(stack.home_id, hostId), isNull(stack.gone_at)))
    .orderBy(asc(stack.name))
    .limit(limits.drain.stacksMax)
    .all();
}

/** Hosts open to migrations, except `from`; of those named in `only`, unless a null among them means any. */
export async function openHosts(db: D1Database, from: string, only: readonly (string | null)[]): Promise<NodeRow[]> {
  const open = and(eq(node.kind, 'host'), isNull(node.deleted_at), isNull(node.cordoned_at), isNotNull(node.joined_at));
  const rows = await drizzle(db)
    .select()
    .from(node)
    .where(and(open, ne(node.id, from)))
    .orderBy(asc(node.id))
    .all();
  return rows.filter(({ id }) => only.includes(null) || only.includes(id));
}

/** Names by id, including deleted hosts. */
export async function hostNames(db: D1Database): Promise<Map<string, string>> {
  const rows = await drizzle(db).select({ id: node.id, name: node.name }).from(node).where(eq(node.kind, 'host')).all();
  return new Map(rows.map(({ id, name }) => [id, name]));
}

/** Migrations that will end on this host: moving to it, or rolling back to it. */
export async function incomingTo(db: D1Database, hostId: string): Promise<string[]> {
  const incoming = or(
    and(eq(migration.target_host_id, hostId), inArray(migration.status, [...steps])),
    and(eq(migration.source_host_id, hostId), eq(migration.status, 'rolling_back')),
  );
  return (await drizzle(db).select({ id: migration.id }).from(migration).where(incoming).all()).map(({ id }) => id);
}

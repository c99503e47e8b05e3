import { and, asc, count, desc, eq, gt, isNotNull, isNull, or, type SQL, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { SQLiteUpdateSetSource } from 'drizzle-orm/sqlite-core';
import type { Leftover } from '../../schema/agent-protocol.ts';
import type { nodeSorts } from '../../schema/api/nodes.ts';
import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import { node } from '../tables/fleet.ts';
import { hostEvents, type upgradeEvent } from './fleet-events.ts';
import { beyond, type Order, orderBy, type Paging, sortKey } from './sorted.ts';
import { hashToken, newToken } from './token-format.ts';

export type NodeRow = typeof node.$inferSelect;
export type NodeKind = NodeRow['kind'];

const alive = isNull(node.deleted_at);

/** Creates a node with its join token; returns null if the name is taken. */
export async function insertNode(db: D1Database, kind: NodeKind, name: string, now: number) {
  const joinToken = newToken('sfj');
  const [row] = await drizzle(db)
    .insert(node)
    .values({
      id: newId(kind, now),
      kind,
      name,
      join_token_hash: await hashToken(joinToken),
      join_token_expires_at: now + limits.certificate.joinTokenMsMax,
      created_at: now,
    })
    .onConflictDoNothing()
    .returning();
  return row ? { row, joinToken } : null;
}

export interface NodeFilter {
  name?: string | undefined;
  /** Part of its name. */
  search?: string | undefined;
  status?: 'pending' | 'online' | 'offline' | undefined;
  cordoned?: 'true' | 'false' | undefined;
}

const free = (of: 'memory' | 'disk') =>
  sql`coalesce(json_extract(${node.resources}, ${sql.raw(`'$.${of}.free_bytes'`)}), -1)`;
const columns: { [S in (typeof nodeSorts)[number]]: Pick<Order, 'by' | 'numeric'> } = {
  created: { by: null },
  name: { by: sql`${node.name}` },
  /** Those that are connected are seen now. */
  seen: { by: sql`CASE WHEN ${node.connected} THEN 1e15 ELSE coalesce(${node.seen_at}, 0) END`, numeric: true },
  memory: { by: free('memory'), numeric: true },
  disk: { by: free('disk'), numeric: true },
};
export const nodeOrder = (sort: (typeof nodeSorts)[number], order: 'asc' | 'desc'): Order => ({
  ...columns[sort],
  id: node.id,
  descending: order === 'desc',
});

/** Returns `limit + 1` rows if there are more. */
export async function listNodes(
  db: D1Database,
  kind: NodeKind,
  { name, search, status, cordoned }: NodeFilter,
  { order, after, limit }: Paging,
): Promise<{ row: NodeRow; sort_key: string | number | null }[]> {
  const called = name === undefined ? undefined : eq(node.name, name);
  const named = search === undefined ? undefined : sql`instr(${node.name}, ${search.toLowerCase()}) > 0`;
  const shut = cordoned === undefined ? undefined : (cordoned === 'true' ? isNotNull : isNull)(node.cordoned_at);
  return drizzle(db)
    .select({ row: node, sort_key: sortKey(order) })
    .from(node)
    .where(and(eq(node.kind, kind), alive, called, named, shut, inStatus(status), beyond(order, after)))
    .orderBy(...orderBy(order))
    .limit(limit + 1)
    .all();
}

/** By its row: only its object knows whether it is connected now. */
function inStatus(status: NodeFilter['status']): SQL | undefined {
  if (status === undefined) return undefined;
  if (status === 'pending') return isNull(node.joined_at);
  return and(isNotNull(node.joined_at), eq(node.connected, status === 'online'));
}

/** Returns null if the node does not exist or was deleted. */
export async function findNode(db: D1Database, kind: NodeKind, id: string): Promise<NodeRow | null> {
  const one = and(eq(node.id, id), eq(node.kind, kind), alive);
  return (await drizzle(db).select().from(node).where(one).get()) ?? null;
}

/** Includes deleted nodes: a revoked certificate must be told apart from an unknown one. */
export async function findNodeEver(db: D1Database, id: string): Promise<NodeRow | null> {
  return (await drizzle(db).select().from(node).where(eq(node.id, id)).get()) ?? null;
}

/** Deleted nodes that may still be connected. */
export async function revocationsOwed(db: D1Database): Promise<Pick<NodeRow, 'id' | 'kind'>[]> {
  const owed = sql`revocation_owed = 1`;
  return drizzle(db).select({ id: node.id, kind: node.kind }).from(node).where(owed).all();
}

export async function markRevoked(db: D1Database, id: string): Promise<void> {
  await drizzle(db).update(node).set({ revocation_owed: false }).where(eq(node.id, id));
}

export async function findByJoinToken(db: D1Database, joinToken: string): Promise<NodeRow | null> {
  const one = and(eq(node.join_token_hash, await hashToken(joinToken)), alive);
  return (await drizzle(db).select().from(node).where(one).get()) ?? null;
}

export interface Issued {
  serial: string;
  ends_at: number;
}

/**
 * Redeems the join token. The same key may redeem it again, because the answer may have been lost; its previous
 * certificate then stays valid, as after a renewal. Returns false if another key was first, or the token was replaced.
 */
export async function markJoined(
  db: D1Database,
  { id, join_token_hash }: Pick<NodeRow, 'id' | 'join_token_hash'>,
  keySha256: string,
  { serial, ends_at }: Issued,
  now: number,
): Promise<boolean> {
  const orm = drizzle(db);
  const one = and(eq(node.id, id), eq(node.join_token_hash, join_token_hash ?? ''), alive);
  const [, joined] = await orm.batch([
    hostEvents(db, 'host_joined', now, and(one, isNull(node.joined_at))),
    orm
      .update(node)
      .set({
        joined_at: sql`coalesce(joined_at, ${now})`,
        join_key_sha256: keySha256,
        certificate_serial: serial,
        certificate_serial_before: sql`certificate_serial`,
        certificate_ends_at: ends_at,
      })
      .where(and(one, or(isNull(node.joined_at), eq(node.join_key_sha256, keySha256))))
      .returning({ id: node.id }),
  ]);
  return joined.length === 1;
}

/** The certificate used for the renewal stays valid until the next renewal: the answer may be lost. */
export async function markRenewed(db: D1Database, id: string, usedSerial: string, { serial, ends_at }: Issued) {
  await drizzle(db)
    .update(node)
    .set({ certificate_serial: serial, certificate_serial_before: usedSerial, certificate_ends_at: ends_at })
    .where(and(eq(node.id, id), alive));
}

/**
 * Written by the node's object at the welcome and at the end of its connection. Returns false if the node was deleted. An
 * object that was reset may have an older write under way: it does not undo a newer one. With `event` both or none are written.
 */
export async function markPresence(
  db: D1Database,
  id: string,
  { connected, seen_at, ...more }: Partial<NodeRow> & Pick<NodeRow, 'connected'> & { seen_at: number },
  event?: ReturnType<typeof upgradeEvent>,
): Promise<boolean> {
  const newer = sql`(seen_at > ${seen_at} AND seen_at <= ${seen_at + limits.control.lateWriteMsMax})`;
  const update = updateOf(db, id, {
    ...more,
    seen_at: sql`max(coalesce(seen_at, 0), ${seen_at})`,
    connected: sql`CASE WHEN ${newer} THEN connected ELSE ${connected ? 1 : 0} END`,
  });
  const [, rows] = event ? await drizzle(db).batch([event, update]) : [null, await update];
  return rows.length === 1;
}

/** Returns false if the node was deleted. */
export async function markResources(db: D1Database, id: string, resources: NodeRow['resources']): Promise<boolean> {
  return (await updateOf(db, id, { resources })).length === 1;
}

const updateOf = (db: D1Database, id: string, changes: SQLiteUpdateSetSource<typeof node>) =>
  drizzle(db)
    .update(node)
    .set(changes)
    .where(and(eq(node.id, id), alive))
    .returning({ id: node.id });

/** Writes only what has changed. */
export async function markLeftovers(db: D1Database, id: string, leftovers: Leftover[]): Promise<void> {
  const changed = sql`coalesce(leftovers, '[]') <> ${JSON.stringify(leftovers)}`;
  await drizzle(db)
    .update(node)
    .set({ leftovers })
    .where(and(eq(node.id, id), changed));
}

/**
 * Nodes whose rows say that they are connected, at most `presenceChecksMax`: others with each `turn`, so that all of a large
 * fleet get theirs.
 */
export async function connectedNodes(db: D1Database, turn: number): Promise<Pick<NodeRow, 'id' | 'seen_at'>[]> {
  const { presenceChecksMax } = limits.cron;
  const orm = drizzle(db);
  // Literal, as a partial index needs it.
  const connected = sql`connected = 1`;
  const [held] = await orm.select({ number: count() }).from(node).where(connected);
  const turns = Math.max(1, Math.ceil((held?.number ?? 0) / presenceChecksMax));
  return orm
    .select({ id: node.id, seen_at: node.seen_at })
    .from(node)
    .where(connected)
    .orderBy(asc(node.id))
    .limit(presenceChecksMax)
    .offset((turn % turns) * presenceChecksMax)
    .all();
}

export async function markCloned(db: D1Database, id: string, now: number): Promise<void> {
  await drizzle(db).update(node).set({ cloned_at: now }).where(eq(node.id, id));
}

/** Hosts that were installed with `--auto-update`. */
export async function autoUpdatedHosts(db: D1Database): Promise<NodeRow[]> {
  return drizzle(db)
    .select()
    .from(node)
    .where(and(eq(node.kind, 'host'), alive, sql`json_extract(program, '$.auto') = 1`))
    .orderBy(desc(node.seen_at))
    .all();
}

/** A program that failed may be tried again: what was said about it is over. */
export async function forgetFailedProgram(db: D1Database, id: string): Promise<void> {
  await drizzle(db)
    .update(node)
    .set({ program: sql`json_set(program, '$.failed', json('null'))` })
    .where(and(eq(node.id, id), isNotNull(node.program)));
}

/** Deleted hosts whose certificates have not expired. */
export async function revokedHostIds(db: D1Database, now: number): Promise<string[]> {
  const rows = await drizzle(db)
    .select({ id: node.id })
    .from(node)
    .where(and(eq(node.kind, 'host'), isNotNull(node.deleted_at), gt(node.certificate_ends_at, now)))
    .all();
  return rows.map(({ id }) => id);
}

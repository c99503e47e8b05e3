import { type SQL, sql } from 'drizzle-orm';
import type { AnySQLiteColumn } from 'drizzle-orm/sqlite-core';

/** The order of a list that is read page by page: by an expression, then by the id, which makes it unique. */
export interface Order {
  /** Never NULL; null to sort by the id alone. */
  by: SQL | null;
  /** It gives numbers; a cursor carries text. */
  numeric?: boolean;
  id: AnySQLiteColumn;
  descending: boolean;
}

/** A part of a list: what comes after the row with this key; null: the beginning. */
export interface Paging {
  order: Order;
  after: string[] | null;
  limit: number;
}

export const orderBy = ({ by, id, descending }: Order): SQL[] =>
  [...(by ? [by] : []), sql`${id}`].map((part) => (descending ? sql`${part} DESC` : part));

/** The expression to be selected with each row, for `keyOf`. */
export const sortKey = ({ by }: Order) => sql<string | number | null>`${by ?? sql`NULL`}`;

/** What a cursor says of a row: see `worker/routes/cursor.ts`. */
export const keyOf = ({ by }: Order, key: string | number | null, id: string): string[] =>
  by ? [String(key ?? ''), id] : [id];

/** Parts of a key. */
export const partsOf = ({ by }: Order): number => (by ? 2 : 1);

/** The rows that come after the one with this key; undefined: all. */
export function beyond({ by, numeric = false, id, descending }: Order, key: string[] | null): SQL | undefined {
  if (key === null) return undefined;
  const last = key.at(-1) ?? '';
  const sign = sql.raw(descending ? '<' : '>');
  if (!by) return sql`${id} ${sign} ${last}`;
  const from = numeric ? Number(key[0]) || 0 : (key[0] ?? '');
  return sql`(${by}, ${id}) ${sign} (${from}, ${last})`;
}

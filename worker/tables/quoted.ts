import { type SQL, sql } from 'drizzle-orm';

/** Renders an SQL list; for constants only. */
export const quoted = (values: readonly string[]): SQL => sql.raw(values.map((value) => `'${value}'`).join(', '));

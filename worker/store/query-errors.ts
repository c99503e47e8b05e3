import { SQLitePreparedQuery } from 'drizzle-orm/sqlite-core';

/**
 * Drizzle wraps a failed query in an error whose message holds every bound parameter (the URL of a webhook, the hash of a
 * token), and whose cause, D1's own error, is lost on the way from a Durable Object. Queries fail with D1's error instead.
 */
Object.assign(SQLitePreparedQuery.prototype, {
  queryWithCache: (_sql: string, _params: unknown[], query: () => Promise<unknown>) => query(),
});

/**
 * Whether the platform could not do it now: D1 or a Durable Object is overloaded, being reset or out of reach. What SQLite
 * itself says about a statement (`SQLITE_CONSTRAINT`) is a fault of ours.
 */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { overloaded, retryable, message } = error as Error & { overloaded?: boolean; retryable?: boolean };
  return overloaded === true || retryable === true || (passing.test(message) && !message.includes('SQLITE_'));
}

const passing = /^(D1_ERROR|Network connection lost|Durable Object (is overloaded|reset|storage operation))/;

import { SQLitePreparedQuery } from 'drizzle-orm/sqlite-core';

/**
 * Drizzle wraps a failed query in an error whose message holds every bound parameter (a webhook URL, a token hash), and
 * whose cause, D1's own error, is lost on the way from a Durable Object. This patch makes queries fail with D1's error.
 */
Object.assign(SQLitePreparedQuery.prototype, {
  queryWithCache: (_sql: string, _params: unknown[], query: () => Promise<unknown>) => query(),
});

/**
 * True if the platform failed: D1 or a Durable Object is overloaded, reset or unreachable. An error of SQLite itself
 * (`SQLITE_CONSTRAINT`) is a bug in this code.
 */
export function isUnavailable(error: unknown): boolean {
  if (!(error instanceof Error)) return false;
  const { overloaded, retryable, message } = error as Error & { overloaded?: boolean; retryable?: boolean };
  return overloaded === true || retryable === true || (passing.test(message) && !message.includes('SQLITE_'));
}

const passing = /^(D1_ERROR|Network connection lost|Durable Object (is overloaded|reset|storage operation))/;

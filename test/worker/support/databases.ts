import { env } from 'cloudflare:workers';
import { type Answer, bindings, call } from './api.ts';

/** The test's D1 behind something that watches it, or breaks it. */

export function countingDb() {
  let uses = 0;
  const db = new Proxy(env.DB, {
    get(target, key) {
      uses += 1;
      return bound(target, key);
    },
  });
  return { db, uses: () => uses };
}

/** Notes each statement with its parameters. */
export function recordingDb() {
  const statements: { sql: string; params: unknown[] }[] = [];
  const db = new Proxy(env.DB, {
    get(target, key) {
      if (key !== 'prepare') return bound(target, key);
      return (sql: string) => {
        const statement = target.prepare(sql);
        const noted = { sql, params: [] as unknown[] };
        statements.push(noted);
        const bind = statement.bind.bind(statement);
        statement.bind = (...params) => {
          noted.params = params;
          return bind(...params);
        };
        return statement;
      };
    },
  });
  return { db, statements };
}

/** Fails every statement that matches, as D1 does when it is out of reach. */
export function failingDb(statement: RegExp): D1Database {
  return new Proxy(env.DB, {
    get(target, key) {
      if (key !== 'prepare') return bound(target, key);
      return (sql: string) => {
        if (statement.test(sql)) throw new Error('D1_ERROR: out of reach');
        return target.prepare(sql);
      };
    },
  });
}

/** Takes every statement, and fails those that match when they run, as an overloaded D1 does. */
export function overloadedDb(statement: RegExp, message = overloaded): D1Database {
  const failing = (): D1PreparedStatement => {
    const fail = async (): Promise<never> => {
      throw new Error(message);
    };
    return { bind: failing, all: fail, run: fail, raw: fail, first: fail } as unknown as D1PreparedStatement;
  };
  return new Proxy(env.DB, {
    get(target, key) {
      if (key !== 'prepare') return bound(target, key);
      return (sql: string) => (statement.test(sql) ? failing() : target.prepare(sql));
    },
  });
}

const overloaded = 'D1_ERROR: D1 DB is overloaded. Requests queued for too long.';

/** Writes every batch and loses its answer; `meanwhile` happens before the loss is noticed. */
export function forgetfulDb(meanwhile = async () => {}): D1Database {
  return new Proxy(env.DB, {
    get(target, key) {
      if (key !== 'batch') return bound(target, key);
      return async (statements: D1PreparedStatement[]) => {
        await target.batch(statements);
        await meanwhile();
        throw new Error('D1_ERROR: Network connection lost.');
      };
    },
  });
}

/** Every value of every table, as a thief of a backup would read it. */
export async function dump(): Promise<string> {
  const tables = await env.DB.prepare(
    "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE '\\_cf%' ESCAPE '\\'",
  ).all<{ name: string }>();
  const rows = await Promise.all(tables.results.map(({ name }) => env.DB.prepare(`SELECT * FROM "${name}"`).all()));
  return JSON.stringify(rows.map(({ results }) => results));
}

/** What the audit says, newest first. */
export async function auditOf(token: string, query = ''): Promise<Answer['body'][]> {
  const { body } = await call('GET', `/api/v1/audit?limit=200${query}`, { token });
  return body.items;
}

export const bindingsWith = (more: Partial<typeof bindings>) => ({ ...bindings, ...more });

function bound(target: D1Database, key: string | symbol): unknown {
  const value = Reflect.get(target, key);
  return typeof value === 'function' ? value.bind(target) : value;
}

import { redactShapes } from '../schema/redact.ts';

type Fields = Record<string, unknown>;

/**
 * The only logger of the control plane: one JSON object per line, `level` and `msg` first. Strings are redacted before
 * JSON escaping could hide a secret's shape (Invariant 7).
 */
export const log = {
  info: (msg: string, fields: Fields = {}) => console.info(line('info', msg, fields)),
  warn: (msg: string, fields: Fields = {}) => console.warn(line('warn', msg, fields)),
  error: (msg: string, fields: Fields = {}) => console.error(line('error', msg, fields)),
};

const depthMax = 6;

function line(level: string, msg: string, fields: Fields): string {
  return JSON.stringify(clean({ level, msg, ...fields }, 0));
}

function clean(value: unknown, depth: number): unknown {
  if (typeof value === 'string') return redactShapes(value);
  if (typeof value === 'bigint') return String(value);
  if (typeof value !== 'object' || value === null) return value;
  if (depth >= depthMax) return '…';
  if (value instanceof Error) return clean(described(value), depth);
  if (Array.isArray(value)) return value.map((item) => clean(item, depth + 1));
  const entries = Object.entries(value).map(([name, item]) => [redactShapes(name), clean(item, depth + 1)]);
  return Object.fromEntries(entries);
}

/** Includes the cause: drizzle's message only names the failed query; D1's error is the cause. */
function described(error: Error): Fields {
  return {
    error: `${error.name}: ${error.message}`,
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: error.cause }),
  };
}

import { errorMessageOf } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';
import { redactShapes } from '../schema/redact.ts';

type Fields = Record<string, unknown>;

export interface Log {
  info(message: string, fields?: Fields): void;
  warn(message: string, fields?: Fields): void;
  error(message: string, fields?: Fields): void;
  /** Returns the same log, with lines also kept for this migration's failures. `traceId`: of the request that caused them. */
  of(migrationId: string, traceId?: string | null): Log;
  /** Redacts this value from all later lines. Ignores values under 4 characters, which would garble the log. */
  secret(value: string): void;
  /** Replaces every known secret in a text, for error messages that leave the machine. */
  redact(text: string): string;
  /** Returns the last lines about a migration, at most `limits.agent.logTail*`. */
  tail(migrationId: string): string[];
}

const shortestSecret = 4;
const causesMax = 5;

/**
 * Line logger: time, level, message, fields as JSON. The agent's only redactor is here (Invariant 7), so every line
 * that was logged, kept for a tail or sent with a failure has passed it.
 */
export function createLog(write: (line: string) => void = writeToStderr, now: () => number = Date.now): Log {
  const secrets = new Set<string>();
  const tails = new Map<string, string[]>();

  const redact = (text: string) => {
    let clean = redactShapes(text);
    for (const value of secrets) clean = clean.replaceAll(value, '[redacted]');
    return clean;
  };

  const keep = (migrationId: string, line: string) => {
    const lines = tails.get(migrationId) ?? [];
    lines.push(line.slice(0, 1000));
    let bytes = lines.reduce((sum, kept) => sum + Buffer.byteLength(kept), 0);
    while (lines.length > limits.agent.logTailLinesMax || bytes > limits.agent.logTailBytesMax) {
      bytes -= Buffer.byteLength(lines.shift() ?? '');
    }
    tails.delete(migrationId);
    tails.set(migrationId, lines);
    const oldest = tails.keys().next().value;
    if (tails.size > limits.agent.logMigrationsMax && oldest !== undefined) tails.delete(oldest);
  };

  const logOf = (migrationId: string | null, traceId: string | null = null): Log => {
    const say = (level: string, message: string, fields: Fields = {}) => {
      const line = redact(`${level} ${message}${shown(fields, redact)}`);
      const about = [migrationId, traceId && `trace=${redact(traceId).replaceAll(/[^\w-]/g, '?')}`]
        .map((id) => (id ? `${id} ` : ''))
        .join('');
      write(`${new Date(now()).toISOString()} ${about}${line}${redact(causesOf(fields.error))}`);
      if (migrationId !== null) keep(migrationId, line);
    };
    return {
      info: (message, fields) => say('info', message, fields),
      warn: (message, fields) => say('warn', message, fields),
      error: (message, fields) => say('error', message, fields),
      of: logOf,
      secret: (value) => {
        if (value.length >= shortestSecret) secrets.add(value);
        // A PEM key could be quoted line by line.
        for (const part of value.includes('\n') ? value.split('\n') : []) {
          if (part.length >= 32) secrets.add(part);
        }
      },
      redact,
      tail: (id) => [...(tails.get(id) ?? [])],
    };
  };
  return logOf(null);
}

/** Redacts before JSON escaping could change a secret beyond recognition. */
function shown(fields: Fields, redact: (text: string) => string): string {
  const plain = Object.entries(fields).map(([name, value]) => {
    const text = value instanceof Error ? errorMessageOf(value) : value;
    return [name, typeof text === 'string' ? redact(text) : text];
  });
  return plain.length === 0 ? '' : ` ${JSON.stringify(Object.fromEntries(plain))}`;
}

/** An error's causes are for this host's operator: they go to the log line, never to a tail. */
function causesOf(error: unknown): string {
  const causes: string[] = [];
  let at = error instanceof Error ? error.cause : undefined;
  while (at !== undefined && causes.length < causesMax) {
    causes.push(errorMessageOf(at));
    at = at instanceof Error ? at.cause : undefined;
  }
  return causes.map((cause) => `; because: ${cause}`).join('');
}

function writeToStderr(line: string): void {
  process.stderr.write(`${line}\n`);
}

/** Prints to the terminal, not to the log: on stdout that the program is up, or on stderr why it is not. */
export function tell(text: string, stream: 'stdout' | 'stderr'): void {
  process[stream].write(`${redactShapes(text)}\n`);
}

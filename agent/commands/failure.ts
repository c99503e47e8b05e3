import { hostname } from 'node:os';
import type { Outcome } from '../../schema/agent-protocol.ts';
import { type ErrorCode, errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { shortened } from '../../schema/shortened.ts';
import type { Log } from '../log.ts';

/** A thrown value as an outcome fit to leave the machine: code, message and log lines, each through the redactor. */
export function failureOf(error: unknown, log: Log, migrationId: string | null, signal?: AbortSignal): Outcome {
  // What was aborted fails in many ways; the reason of the abort is the one that tells.
  const told = signal?.aborted && signal.reason instanceof StackferryError ? signal.reason : error;
  const { code, message } = describe(told);
  return {
    ok: false,
    error: {
      code,
      message: shortened(log.redact(message), 2000),
      log_tail: migrationId === null ? [] : log.tail(migrationId),
    },
  };
}

function describe(error: unknown): { code: ErrorCode; message: string } {
  if (error instanceof StackferryError) return { code: error.code, message: error.message };
  const { code, name, path } = (
    typeof error === 'object' && error !== null ? error : {}
  ) as Partial<NodeJS.ErrnoException>;
  if (code === 'ENOSPC' || code === 'EDQUOT')
    return { code: 'disk_full', message: `No space on ${[hostname(), ...(path ? [path] : [])].join(': ')}.` };
  if (name === 'AbortError') return { code: 'cancelled', message: 'Cancelled before it was done.' };
  if (name === 'TimeoutError') return { code: 'command_timeout', message: 'It took longer than its limit.' };
  return { code: 'command_failed', message: `The agent could not do it: ${errorMessageOf(error)}` };
}

import { hostname } from 'node:os';
import type { Log } from '../../../node/log.ts';
import type { Outcome } from '../../../schema/agent-protocol.ts';
import { type ErrorCode, errorMessageOf, StackferryError } from '../../../schema/errors.ts';
import { shortened } from '../../../schema/shortened.ts';
import { UnwellService } from '../cutover/unwell.ts';

/** Turns a thrown value into an outcome that may leave the machine: code, message and log lines, each redacted. */
export function failureOf(error: unknown, log: Log, migrationId: string | null, signal?: AbortSignal): Outcome {
  // An aborted operation can fail in many ways; the abort reason is the real cause.
  const cause = signal?.aborted && signal.reason instanceof StackferryError ? signal.reason : error;
  const { code, message } = describe(cause);
  return {
    ok: false,
    error: {
      code,
      message: shortened(log.redact(message), 2000),
      log_tail: migrationId === null ? [] : log.tail(migrationId),
      ...(cause instanceof UnwellService && cause.containerLog ? { container_log: cause.containerLog } : {}),
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
  return { code: 'command_failed', message: `The command failed on the agent: ${errorMessageOf(error)}` };
}

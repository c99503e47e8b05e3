import { report } from '../../schema/preflight-report.ts';
import { ApiProblem } from '../api-client.ts';
import { CliError, type ExitCode, exitCodes } from '../exit-code.ts';
import { NoAnswer } from '../no-answer.ts';
import { labelled } from './layout.ts';
import { plainText } from './plain-text.ts';
import { inCommands, reportLines } from './report.ts';
import type { Terminal } from './terminal.ts';

export interface Told {
  code: string;
  message: string;
  exit: ExitCode;
  /** Remedies, one line each. */
  next: string[];
}

/** Prints an error with its code and remedies on stderr; returns the process's exit code. */
export function tellProblem(term: Terminal, error: unknown): ExitCode {
  const told = toldOf(error);
  const { code, message, exit, next } = told;
  const body = error instanceof ApiProblem ? error.body : {};
  if (term.json) {
    term.err(JSON.stringify({ ...body, code, detail: message, exit_code: exit, next }));
    return exit;
  }
  const failed = report.safeParse(body.report);
  if (failed.success) term.err(...reportLines(term, { ...failed.data, plan: null }, { brief: true }), '');
  term.err(...labelled(term, 'Error:', `${plainText(inCommands(message))} (${code})`, 7, 0));
  for (const line of [...findings(body), ...next]) term.err(`  ${plainText(line)}`);
  return exit;
}

export function toldOf(error: unknown): Told {
  if (error instanceof CliError) return { ...error, message: error.message };
  if (error instanceof NoAnswer)
    return {
      code: error.kind,
      message: error.message,
      exit: error.kind === 'unreachable' ? exitCodes.unreachable : exitCodes.failure,
      next: adviceOf[error.kind] ?? [],
    };
  if (error instanceof ApiProblem)
    return { code: error.code, message: error.message, exit: exitOf(error), next: adviceOf[error.code] ?? [] };
  return { code: 'internal', message: error instanceof Error ? error.message : String(error), exit: 1, next: [] };
}

function exitOf({ code, status }: ApiProblem): ExitCode {
  if (code === 'preflight_failed') return exitCodes.preflight_failed;
  if (code === 'invalid_request' || code === 'same_host') return exitCodes.usage;
  if (status === 401 || status === 403) return exitCodes.no_access;
  if (status === 404) return exitCodes.not_found;
  if (status === 409) return exitCodes.conflict;
  return status === 503 ? exitCodes.unreachable : exitCodes.failure;
}

const list = (value: unknown) => (Array.isArray(value) ? (value as Record<string, unknown>[]) : []);

/** Details that accompany a problem. */
const findings = ({ remaining }: Record<string, unknown>) => list(remaining).map(({ what, why }) => `${what}: ${why}`);

const adviceOf: Record<string, string[]> = {
  unauthorized: ['Log in with another token: stackferry login'],
  forbidden: ['Ask an admin for a token with that scope.'],
  unreachable: ['Is it up, and is the address right? Another one: stackferry login URL, or --url URL'],
  unreadable: ['Check the address, and that this command line is as new as the control plane.'],
  preflight_failed: ['Fix what failed, then see: stackferry preflight STACK --to HOST'],
  migration_running: ['Follow it: stackferry migrations, then stackferry show ID --watch'],
  stack_ambiguous: ['Say which one: --from HOST'],
  window_closed: ['Move it back instead: stackferry migrate STACK --to HOST'],
  host_busy: ['See: stackferry migrations --host HOST'],
  target_unreachable: ['Bring the target host back, or wait a moment, then repeat.'],
  purge_incomplete: ['Fix it on that host, then repeat.'],
  webhook_disabled: ['Enable it: stackferry webhooks enable WEBHOOK'],
  command_timeout: ['Repeat the command to learn how it ended.'],
  rate_limited: ['Wait a moment, then repeat.'],
};

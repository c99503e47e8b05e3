/** Exit codes, for scripts; documented in docs/cli.md. */
export const exitCodes = {
  done: 0,
  failure: 1,
  usage: 2,
  preflight_failed: 3,
  conflict: 4,
  not_found: 5,
  no_access: 6,
  /** A watched migration ended otherwise than requested. */
  not_moved: 7,
  needs_attention: 8,
  unreachable: 9,
  detached: 130,
} as const;
export type ExitCode = (typeof exitCodes)[keyof typeof exitCodes];

export const exitCodeHelp = `Exit codes:
  0  done                      5  no such stack, host or migration
  1  failed, or declined       6  not logged in, or not allowed
  2  wrong usage               7  watched: failed, cancelled or rolled back
  3  the pre-flight failed     8  watched: needs attention
  4  conflict, see the code    9  the control plane does not answer
  130  Ctrl-C; what was started continues`;

/** An error found by the command line itself. `next`: remedies, one line each. */
export class CliError extends Error {
  readonly code: string;
  readonly exit: ExitCode;
  readonly next: string[];

  constructor(code: string, message: string, exit: ExitCode, next: string[] = []) {
    super(message);
    this.name = 'CliError';
    this.code = code;
    this.exit = exit;
    this.next = next;
  }
}

export const usageError = (message: string, ...next: string[]) => new CliError('usage', message, exitCodes.usage, next);

/**
 * The life of a migration.
 *
 *   preflight → preparing → stopping → transferring → shipping → deploying → verifying → completed ⇄ rolling_back → rolled_back
 *        └──────────┴───────────┴──────────┴────────────┴───────────┴───────────┴→ reverting → failed        ⇅
 *                                                                                     ⇅ └──→ cancelled   needs_attention
 *                                                                              needs_attention
 *
 * `holding` is between `preparing` and `stopping`, on request only.
 */
export const steps = [
  'preflight',
  'preparing',
  'holding',
  'stopping',
  'transferring',
  'shipping',
  'deploying',
  'verifying',
] as const;
export type Step = (typeof steps)[number];

/** Going back, or waiting for a person: the migration still holds its stack. */
export const returningStatuses = ['reverting', 'rolling_back', 'needs_attention'] as const;
export const terminalStatuses = ['completed', 'failed', 'cancelled', 'rolled_back'] as const;

export const activeStatuses = [...steps, ...returningStatuses] as const;
export const statuses = [...activeStatuses, ...terminalStatuses] as const;
export type Status = (typeof statuses)[number];
export type TerminalStatus = (typeof terminalStatuses)[number];

export function isTerminal(status: Status): status is TerminalStatus {
  return (terminalStatuses as readonly string[]).includes(status);
}

export function isStep(status: Status): status is Step {
  return (steps as readonly string[]).includes(status);
}

export const modes = ['stop-copy', 'pre-copy'] as const;
/**
 * What both sides read back of each volume and compare: names, owners, sizes, times and attributes, or the contents
 * too.
 */
export const verifications = ['manifest', 'content'] as const;
export type Verification = (typeof verifications)[number];
export type Mode = (typeof modes)[number];
/** The default verification. `content` for a pre-copy, because its files were read while they changed. */
export const verificationOf = (mode: Mode): Verification => (mode === 'pre-copy' ? 'content' : 'manifest');
export const sizings = ['host', 'stack'] as const;
export type Sizing = (typeof sizings)[number];

import type { StackFacts } from '../../../schema/facts.ts';
import type { HostFacts } from '../../../schema/host-facts.ts';
import type { Mode } from '../../../schema/migration-status.ts';
import type { MoveOptions } from '../../../schema/move-options.ts';
import type { TargetFacts } from '../../../schema/target-facts.ts';
import type { ChosenBinds } from './chosen-binds.ts';
import type { Logins } from './preflight-facts.ts';

/** Input of the stack checks, available once both hosts have answered. */
export interface Fit {
  stack: StackFacts;
  target: TargetFacts;
  sourceHost: HostFacts;
  targetHost: HostFacts;
  options: MoveOptions;
  /** What the options choose. */
  binds: ChosenBinds;
  mode: Mode;
  /** The API call that deletes the copy kept on the target by an earlier migration of this stack. */
  kept: string | null;
  names: { source: string; target: string };
  logins: Logins;
}

/** The conflict may be this stack's own older copy. */
export const adviceOf = ({ kept }: Fit, otherwise: string): string =>
  kept ? `An earlier migration of this stack keeps its copy there; when you no longer need it: ${kept}.` : otherwise;

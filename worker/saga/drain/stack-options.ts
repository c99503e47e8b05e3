import type { StackOptions } from '../../../schema/drain.ts';
import type { Mode } from '../../../schema/migration-status.ts';
import { type MoveOptions, moveOptionsOf } from '../../../schema/move-options.ts';

/** The options of a drain; its record and its request have them among their fields. */
export interface DrainOptions extends Partial<MoveOptions> {
  /** The only host that may take stacks; null for any. */
  target: string | null;
  mode: Mode;
  /** Fills as few hosts as possible; absent: spreads. */
  pack?: boolean;
  /** By name, what differs for a stack. */
  per_stack?: Record<string, StackOptions>;
}

export interface OptionsOfStack extends MoveOptions {
  target: string | null;
  mode: Mode;
}

/** The options of one stack's migration: its own where it has them, else the drain's. */
export function optionsOf(drain: DrainOptions, stack: string): OptionsOfStack {
  const own = ownOf(drain, stack);
  return {
    target: own.target_host_id ?? drain.target,
    mode: own.mode ?? drain.mode,
    ...moveOptionsOf({ ...drain, ...own }),
  };
}

/** True if the stack is to stay where it is. */
export const isLeft = (drain: Pick<DrainOptions, 'per_stack'>, stack: string): boolean =>
  ownOf(drain, stack).leave === true;

// A stack may be named like a property of every object.
const ownOf = ({ per_stack = {} }: Pick<DrainOptions, 'per_stack'>, stack: string): StackOptions =>
  (Object.hasOwn(per_stack, stack) ? per_stack[stack] : undefined) ?? {};

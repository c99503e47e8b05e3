import { StackferryError } from '../../../schema/errors.ts';
import type { Engine, WarmCopies } from '../../engine/engine.ts';

/** Throws `command_failed` if the engine has no pre-copy, which the pre-flight should have refused. */
export function warmCopiesOf({ warm, kind }: Engine): WarmCopies {
  if (warm) return warm;
  throw new StackferryError('command_failed', `The ${kind} engine cannot copy volumes while their stack runs.`);
}

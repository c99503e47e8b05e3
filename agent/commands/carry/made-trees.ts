import type { WarmTarget } from '../../engine/engine.ts';
import { isPath } from '../../engine/tree.ts';
import type { Arriving } from '../../permissions/asked.ts';
import type { TarSink } from '../../transfer/tar-ports.ts';
import { assertMadeDirectory, madeVolume } from '../prepare/made-volume.ts';
import type { CommandContext } from '../runner/context.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Sinks for the volumes and directories that `prepare_target` created. They throw for any other. */

/** Replaces all that the tree holds. */
export function wholeTarget(stack: Arriving, tree: string, context: CommandContext): TarSink {
  const { engine, migrationId } = context;
  if (!isPath(tree)) return engine.unpackVolume(madeVolume(tree, context), migrationId);
  assertMadeDirectory(tree, context);
  return engine.unpackDirectory(tree, stack, migrationId);
}

/** Takes the passes of a pre-copy, and what changed since them. */
export function warmTargetOf(tree: string, context: CommandContext): WarmTarget {
  const warm = warmCopiesOf(context.engine);
  if (!isPath(tree)) return warm.target(madeVolume(tree, context), context.migrationId);
  assertMadeDirectory(tree, context);
  return warm.targetDirectory(tree, context.migrationId);
}

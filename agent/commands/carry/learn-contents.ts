import type { ContentDigestName } from '../../../schema/content-digest.ts';
import type { Tree } from '../../engine/tree.ts';
import type { CommandContext } from '../runner/context.ts';

/** Reads the contents of what a lane carried, ahead of the proof in the downtime. If it fails, the proof reads them all. */
export async function learnContents(
  tree: Tree,
  contents: ContentDigestName | null,
  live: boolean,
  { engine, log, migrationId }: CommandContext,
  signal: AbortSignal,
): Promise<void> {
  if (contents === null) return;
  await engine.learnContents?.(tree, migrationId, contents, live, signal).catch((error) => {
    signal.throwIfAborted();
    log.warn('the proof will read all contents: reading them ahead failed', { error });
  });
}

import type { CommandContext } from '../runner/context.ts';

/** Releases helpers and pre-copy state if `work` fails: a source that was not stopped gets no further command. */
export async function releasedOnFailure<R>(
  { engine, migrationId }: CommandContext,
  work: () => Promise<R>,
): Promise<R> {
  try {
    return await work();
  } catch (error) {
    await engine.release?.(migrationId);
    throw error;
  }
}

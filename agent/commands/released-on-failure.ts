import type { CommandContext } from './context.ts';

/** Nothing more comes to a source that was not stopped: what it has at hand, or remembers, is let go where the work fails. */
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

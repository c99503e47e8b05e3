import { tell } from '../node/log.ts';
import { errorMessageOf } from '../schema/errors.ts';
import { UsageError } from './config.ts';

/**
 * Runs what a host's owner asks of its agent's program, and prints why it failed; the usage too if it was called wrongly.
 * Resolves to the exit code.
 */
export async function ownerCommand(usage: string, act: () => Promise<void>): Promise<number> {
  try {
    await act();
    return 0;
  } catch (error) {
    tell(error instanceof UsageError ? `${error.message}\n\n${usage}` : errorMessageOf(error), 'stderr');
    return error instanceof UsageError ? 2 : 1;
  }
}

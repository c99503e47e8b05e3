import type { MigrationView } from '../../schema/api/migrations.ts';
import { isStep } from '../../schema/migration-status.ts';
import { inWords } from './words.ts';

/** What happened, or happens now, in one sentence; screen readers announce its changes. */
export function sentenceOf(migration: MigrationView, source: string, target: string): string {
  const { status, stack, steps, cancel_requested, failure } = migration;
  if (isStep(status)) {
    const at = steps.findIndex(({ name }) => name === status);
    return `Step ${at + 1} of ${steps.length}: ${inWords(status)}.`;
  }
  const { name } = stack;
  // In the past tense: later migrations and people at the host's shell change what is so.
  const sentences: { [S in Exclude<typeof status, (typeof steps)[number]['name']>]: string } = {
    reverting: cancel_requested
      ? `Cancelling: what was begun is undone, and ${name} stays on ${source}.`
      : `Undoing: ${name} goes back to how it was on ${source}.`,
    rolling_back: `Rolling back: ${name} returns to ${source}.`,
    needs_attention: 'Needs your attention. It keeps retrying meanwhile.',
    completed: `${name} moved to ${target}.`,
    failed:
      failure?.code === 'given_up'
        ? `Given up by decision: both copies of ${name} were left as they were. Make sure that exactly one runs.`
        : `The migration failed. ${stayed(migration, source)}`,
    cancelled: `Cancelled. ${stayed(migration, source)}`,
    rolled_back: `Rolled back: ${name} returned to ${source}.`,
  };
  return sentences[status as keyof typeof sentences];
}

function stayed({ stack, steps }: MigrationView, source: string): string {
  const stopped = steps.some(({ name, status }) => name === 'stopping' && status !== 'pending');
  return stopped ? `${stack.name} was started again on ${source}.` : `${stack.name} kept running on ${source}.`;
}

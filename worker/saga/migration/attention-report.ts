import type { Attention, Saga } from '../../../schema/saga.ts';
import { resolutionsOf } from './resolutions.ts';
import { recordEvent, type TransitionDraft } from './transition.ts';

/** Keeps retrying while it waits for an operator to fix something or to decide. */
export function needAttention(draft: TransitionDraft, why: string): void {
  const { saga } = draft;
  saga.status = 'needs_attention';
  saga.deadline_at = null;
  saga.attention = accountOf(saga, why);
  recordEvent(draft, 'failure', { attention: true, message: why, ...saga.attention });
}

/** Why a person is asked if a host does not answer. */
export const unreachable = (saga: Pick<Saga, 'source'>, host: string): string =>
  `The ${host === saga.source ? 'source' : 'target'} host is unreachable, so its state is unknown.`;

const kept = 'stopped, its restart policies off, its data as it was';
const unstoppable = 'may still run: its host answered that it could not stop it';
const unconfirmed = 'being restored; its host has not confirmed that it runs';
const unknown = 'unknown: check its host';
const unarmed = 'the home of the stack; its host has not confirmed that it runs';

/** Describes the state of both copies, by the side that is waited for. */
function accountOf(saga: Saga, why: string): Attention {
  const { waited, other, words, otherWords, todo } = waitOf(saga);
  const account = { [waited]: words, [other]: otherWords } as Record<'source' | 'target', string>;
  return { why, ...account, todo, resolutions: resolutionsOf(saga) };
}

function waitOf({ undo, arming, telling, restorations }: Saga) {
  if (telling || (!undo && !arming && restorations > 0))
    return {
      waited: 'source' as const,
      other: 'target' as const,
      words: unknown,
      otherWords: unknown,
      todo:
        'Bring both hosts and their agents back: their own records tell where the stack runs. Where one is lost for good, look on the ' +
        'other whether the stack runs there, and decide. If you give the migration up, bring exactly one copy up by hand.',
    };
  const [first, second] =
    undo?.from === 'rollback' || arming?.end === 'completed'
      ? (['source', 'target'] as const)
      : (['target', 'source'] as const);
  if (undo?.phase === 'stop')
    return {
      waited: first,
      other: second,
      words: unstoppable,
      otherWords: kept,
      todo: `On the ${first} host stop the stack's containers, or fix what prevents the agent from stopping them, then retry.`,
    };
  const restored = {
    waited: second,
    other: first,
    todo:
      `Bring the ${second} host and its agent back: the stack's data is there, and its containers are started as soon as ` +
      'the agent answers. If they cannot start, fix the cause, then retry.',
  };
  return undo
    ? { ...restored, words: unconfirmed, otherWords: 'stopped' }
    : { ...restored, words: unarmed, otherWords: kept };
}

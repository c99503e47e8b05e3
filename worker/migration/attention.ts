import type { Attention, Saga } from '../../schema/saga.ts';
import { resolutionsOf } from './resolutions.ts';
import { say, type Turn } from './turn.ts';

/** It goes on trying by itself, and waits for a person to mend something or to decide. */
export function needAttention(turn: Turn, why: string): void {
  const { saga } = turn;
  saga.status = 'needs_attention';
  saga.deadline_at = null;
  saga.attention = accountOf(saga, why);
  say(turn, 'failure', { attention: true, message: why, ...saga.attention });
}

const kept = 'stopped, its restart policies off, its data as it was';
const unstoppable = 'may still run: its host answered that it could not stop it';
const unconfirmed = 'being put back; its host has not said that it runs';
const unarmed = 'the home of the stack; its host has not said that it runs';

/** The plain account of what is where, by what is waited for. */
function accountOf(saga: Saga, why: string): Attention {
  const { waited, other, words, otherWords, todo } = waitOf(saga);
  const account = { [waited]: words, [other]: otherWords } as Record<'source' | 'target', string>;
  return { why, ...account, todo, resolutions: resolutionsOf(saga) };
}

function waitOf({ undo, arming }: Saga) {
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
      todo: `On the ${first} host stop the stack's containers, or mend what keeps the agent from it, then retry.`,
    };
  const restored = {
    waited: second,
    other: first,
    todo:
      `Bring the ${second} host and its agent back: the stack's data is there, and its containers are started as soon as ` +
      'the agent answers. If they cannot start, mend what keeps them from it, then retry.',
  };
  return undo
    ? { ...restored, words: unconfirmed, otherWords: 'stopped' }
    : { ...restored, words: unarmed, otherWords: kept };
}

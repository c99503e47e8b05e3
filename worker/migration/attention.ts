import type { Attention, Undo } from '../../schema/saga.ts';

const kept = 'stopped, its restart policies off, its data as it was';
const unstoppable = 'may still run: its host answered that it could not stop it';
const unconfirmed = 'being put back; its host has not said that it runs';
const vouch =
  'If it is stopped for good, or the host will never come back, say so with the retry ("stopped": true); ' +
  'never do that while it may run, since then two copies would.';

/** The plain account of what is where, by what is waited for. It goes on trying by itself. */
export function attentionOf({ from, phase }: Undo, why: string): Attention {
  const [first, second] = from === 'migration' ? (['target', 'source'] as const) : (['source', 'target'] as const);
  if (phase === 'stop') {
    const account = { [first]: unstoppable, [second]: kept } as Record<'source' | 'target', string>;
    const todo = `On the ${first} host stop the stack's containers, or mend what keeps the agent from it, then retry. ${vouch}`;
    return { why, ...account, todo };
  }
  const account = { [first]: 'stopped', [second]: unconfirmed } as Record<'source' | 'target', string>;
  const todo =
    `Bring the ${second} host and its agent back: the stack's data is there, and its containers are started as soon as ` +
    'the agent answers. If they cannot start, mend what keeps them from it, then retry.';
  return { why, ...account, todo };
}

import { randomUUID } from 'node:crypto';
import { type AskKind, type AskPayload, type AskReply, askKinds, type Outcome } from '../schema/agent-protocol.ts';
import { StackferryError } from '../schema/errors.ts';
import { limits } from '../schema/limits.ts';

interface Pending {
  text: string;
  settle: (outcome: Outcome) => void;
}

export interface ControlAsks {
  /** Resolves to the validated reply. Throws the control plane's refusal, or `control_unavailable` after `askMsMax`. */
  ask<K extends AskKind>(kind: K, payload: AskPayload<K>, signal?: AbortSignal): Promise<AskReply<K>>;
  answered(askId: string, outcome: Outcome): void;
  /** Returns the messages of open queries, to send them again on a new connection. */
  open(): string[];
}

/** Queries to the control plane, each with a timeout, kept across reconnects. */
export function createControlAsks(send: (text: string) => void, msMax: number = limits.agent.askMsMax): ControlAsks {
  const pending = new Map<string, Pending>();
  return {
    ask: async (kind, payload, signal) => {
      signal?.throwIfAborted();
      const askId = randomUUID();
      const text = JSON.stringify({ type: 'ask', ask_id: askId, kind, payload });
      const bounded = AbortSignal.any([AbortSignal.timeout(msMax), ...(signal ? [signal] : [])]);
      try {
        const outcome = await new Promise<Outcome>((settle, reject) => {
          pending.set(askId, { text, settle });
          bounded.addEventListener('abort', () => reject(signal?.aborted ? signal.reason : unanswered(kind)), {
            once: true,
          });
          send(text);
        });
        if (!outcome.ok) throw new StackferryError(outcome.error.code, outcome.error.message);
        const reply = askKinds[kind].reply.safeParse(outcome.data);
        if (!reply.success)
          throw new StackferryError('internal', `The control plane's reply to "${kind}" is not understood`);
        return reply.data as AskReply<typeof kind>;
      } finally {
        pending.delete(askId);
      }
    },
    answered: (askId, outcome) => pending.get(askId)?.settle(outcome),
    open: () => [...pending.values()].map(({ text }) => text),
  };
}

function unanswered(kind: AskKind): StackferryError {
  return new StackferryError(
    'control_unavailable',
    `The control plane did not answer the agent's request for a ${kind}`,
  );
}

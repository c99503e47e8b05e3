import type { Failure } from '../../../schema/agent-protocol.ts';
import { limits } from '../../../schema/limits.ts';
import type { Saga } from '../../../schema/saga.ts';
import type { TransitionDraft } from './transition.ts';

type ProofKind = 'verify_health' | 'verify_source';

/**
 * A health proof is valid only within the lease it was made under: afterwards the host has stopped the stack. A
 * terminal state must be committed before that, or the stack is verified again.
 */
export function provenUntil({ results }: Saga, kind: ProofKind): number | null {
  const until = results[kind]?.lease_until ?? null;
  return until === null ? null : until - limits.lease.commitMarginMs;
}

export function isLate({ saga, now }: TransitionDraft, kind: ProofKind): boolean {
  const until = provenUntil(saga, kind);
  return until !== null && now >= until;
}

/** Counts one late proof. Returns false after the last one allowed. */
export function mayProveAgain({ saga }: TransitionDraft): boolean {
  saga.late_proofs += 1;
  return saga.late_proofs <= limits.lease.lateProofsMax;
}

export const lateProof: Failure = {
  code: 'lease_expired',
  message: 'The stack was healthy, but the control plane was away too often to record it before the lease ended.',
  log_tail: [],
};

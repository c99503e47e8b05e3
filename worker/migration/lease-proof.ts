import type { Failure } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { Saga } from '../../schema/saga.ts';
import type { Turn } from './turn.ts';

type ProofKind = 'verify_health' | 'verify_source';

/**
 * A proof of health holds as long as the lease it was given under: after that the host has stopped what was proven. So a
 * terminal state is committed before the lease ends, or the stack is verified again.
 */
export function provenUntil({ results }: Saga, kind: ProofKind): number | null {
  const until = results[kind]?.lease_until ?? null;
  return until === null ? null : until - limits.lease.commitMarginMs;
}

export function isLate({ saga, now }: Turn, kind: ProofKind): boolean {
  const until = provenUntil(saga, kind);
  return until !== null && now >= until;
}

/** Counts one more late proof. False after the last that is allowed. */
export function mayProveAgain({ saga }: Turn): boolean {
  saga.late_proofs += 1;
  return saga.late_proofs <= limits.lease.lateProofsMax;
}

export const lateProof: Failure = {
  code: 'lease_expired',
  message: 'The stack was healthy, but the control plane was away too often to record it before the lease ended.',
  log_tail: [],
};

import type { Saga } from '../../../schema/saga.ts';

/**
 * True if the host may run what it started for the migration. False once an undo has begun: from then on a lease can
 * only run out. Also granted after the end, until the host has its restart policies back and stops asking.
 */
export function grantsLease(saga: Saga, host: string, epoch: number): boolean {
  if (epoch !== saga.epoch || saga.undo || saga.telling || saga.distrust) return false;
  if (saga.status === 'needs_attention') return host === (saga.arming?.end === 'completed' ? saga.target : saga.source);
  // Until it is halted, the target still runs a stack without restart policies under a lease.
  if (saga.status === 'rolling_back' && saga.rollback?.phase === 'checking' && host === saga.target)
    return saga.rollback.unarmed && !saga.rollback.target_lost;
  if (saga.status === 'rolling_back')
    return host === saga.source && (saga.rollback?.phase === 'reviving' || saga.rollback?.phase === 'proving');
  if (host === saga.source) return saga.status === 'rolled_back';
  return host === saga.target && ['deploying', 'verifying', 'completed'].includes(saga.status);
}

import type { Saga } from '../../schema/saga.ts';

/**
 * Whether this host may (still) run what it started for the migration. Never once a way back has begun: from then on a
 * lease can only run out. Granted after the end too, until the host has armed what it runs and asks no more.
 */
export function grantsLease(saga: Saga, host: string, epoch: number): boolean {
  if (epoch !== saga.epoch || saga.undo) return false;
  if (saga.status === 'needs_attention') return host === (saga.arming?.end === 'completed' ? saga.target : saga.source);
  // What the target runs there without its restart policies it runs until it is halted.
  if (saga.status === 'rolling_back' && saga.rollback?.phase === 'checking' && host === saga.target)
    return saga.rollback.unarmed && !saga.rollback.target_lost;
  if (saga.status === 'rolling_back')
    return host === saga.source && (saga.rollback?.phase === 'reviving' || saga.rollback?.phase === 'proving');
  if (host === saga.source) return saga.status === 'rolled_back';
  return host === saga.target && ['deploying', 'verifying', 'completed'].includes(saga.status);
}

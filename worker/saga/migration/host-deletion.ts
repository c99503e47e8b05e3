import { isTerminal } from '../../../schema/migration-status.ts';
import type { SafetyWindow, Saga } from '../../../schema/saga.ts';
import { hostOf } from './command-payloads.ts';
import { namesHostDeleted } from './cutover-names.ts';
import { forwardingHostDeleted } from './forwarding.ts';
import type { Refusal } from './refusal.ts';
import { close } from './results.ts';
import { isPurged, owes, owesArming } from './safety-window.ts';
import { recordEvent, type TransitionDraft } from './transition.ts';

/** Returns null if this migration does not prevent the deletion of the host. */
export function hostDeletionRefusal(saga: Saga, host: string): Refusal | null {
  if (host !== saga.source && host !== saga.target) return null;
  if (!isTerminal(saga.status))
    return { code: 'host_busy', message: `Migration ${saga.id} is "${saga.status}"; cancel or resolve it first.` };
  if (owesArming(saga))
    return {
      code: 'host_busy',
      message: `Migration ${saga.id} waits until its stack has its restart policies back; delete the host after that.`,
    };
  return null;
}

/** Drops the host's pending commands and settles the copy it keeps: no reminder, no rollback onto it, no purge. */
export function hostDeleted(draft: TransitionDraft, host: string): boolean {
  const { saga } = draft;
  if (hostDeletionRefusal(saga, host)) return false;
  const awaited = saga.awaiting.filter((command) => command.host === host);
  const retried = saga.retry.filter((kind) => hostOf(saga, kind) === host);
  const side = keptBy(saga, host);
  const forwarded = forwardingHostDeleted(draft, host);
  if (awaited.length + retried.length === 0 && !side && !forwarded) return false;
  if (owes(saga, 'point_names_back') && host === saga.target) namesHostDeleted(draft);
  for (const { id } of awaited) close(draft, id);
  saga.retry = saga.retry.filter((kind) => !retried.includes(kind));
  if (saga.retry.length === 0) saga.deadline_at = null;
  if (side) settlePurge(saga.window!, side, draft.now);
  recordEvent(draft, 'notice', { message: 'the host was deleted: nothing is expected of it any more', host });
  return true;
}

/** Returns the side whose kept copy is on this host, or null. */
function keptBy({ status, window, source, target }: Saga, host: string): 'source' | 'target' | null {
  const side = status === 'completed' ? 'source' : status === 'rolled_back' ? 'target' : null;
  if (!window || !side || isPurged(window, side)) return null;
  return host === (side === 'source' ? source : target) ? side : null;
}

function settlePurge(window: SafetyWindow, side: 'source' | 'target', now: number): void {
  const requested_at = window[`${side}_purge`]?.requested_at ?? now;
  window[`${side}_purge`] = { requested_at, done_at: now, remaining: [], left_out: [], host_deleted: true };
  window.copy_running = false;
}

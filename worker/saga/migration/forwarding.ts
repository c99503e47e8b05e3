import type { Saga } from '../../../schema/saga.ts';
import type { Refusal } from './refusal.ts';
import { recordEvent, send, type TransitionDraft } from './transition.ts';

/**
 * Where new connections to the source's published ports go, if `forward` was asked for:
 *
 *   when                                     to the source         to the target
 *   before `stop_stack`                      hold_connections
 *   `completed`, a rollback failed           forward_connections   receive_connections
 *   before a rollback's `halt_target`        hold_connections
 *   the source runs again                    release_connections   end_receiving
 *   an operator, the window, or a purge      end_forwarding        end_receiving
 *
 * Only the first `hold_connections` can fail the migration: nothing has stopped then. All that follow are sent until
 * answered. So connections wait while it is open which copy will run, and reach none that may not.
 */
export function holdsConnections({ forwarding, plan }: Saga): boolean {
  return forwarding !== null && forwarding.phase !== 'ended' && (plan?.forwarded_ports ?? []).length > 0;
}

/** Returns false if there is nothing to hold. */
export function holdConnections(draft: TransitionDraft): boolean {
  const { saga } = draft;
  if (!saga.forwarding || !holdsConnections(saga)) return false;
  saga.forwarding.phase = 'holding';
  return true;
}

/** The stack is verified on the target. */
export function oweForwarding(draft: TransitionDraft): void {
  const { saga } = draft;
  oweEnd(draft);
  if (!saga.forwarding || !holdsConnections(saga)) return;
  saga.forwarding.phase = 'forwarding';
  send(draft, 'receive_connections');
  send(draft, 'forward_connections');
}

/** The stack runs on the source again, or was never stopped there. */
export function oweRelease(draft: TransitionDraft): void {
  const { forwarding, window } = draft.saga;
  oweEnd(draft);
  if (!forwarding || !isTaken(forwarding.phase)) return;
  forwarding.phase = 'released';
  send(draft, 'release_connections');
  if (window) send(draft, 'end_receiving');
}

/** A rollback forgets what was owed before it, so the source may not know of the end. */
function oweEnd(draft: TransitionDraft): void {
  const { forwarding, results } = draft.saga;
  if (forwarding?.phase === 'ended' && !results.end_forwarding) send(draft, 'end_forwarding');
}

/** Returns false if no connections are held or forwarded. `why`: ends the sentence. */
export function endForwarding(draft: TransitionDraft, why: string): boolean {
  const { saga, now } = draft;
  const { forwarding } = saga;
  if (!forwarding || !isTaken(forwarding.phase)) return false;
  Object.assign(forwarding, { phase: 'ended', ended_at: now });
  for (const kind of ['hold_connections', 'forward_connections', 'receive_connections'] as const)
    saga.retry = saga.retry.filter((retried) => retried !== kind);
  send(draft, 'end_forwarding');
  if (saga.window) send(draft, 'end_receiving');
  recordEvent(draft, 'notice', { message: `connections to the source are no longer forwarded: ${why}` });
  return true;
}

/** One end of the way is gone: the other one is ended. Returns false if nothing was forwarded. */
export function forwardingHostDeleted(draft: TransitionDraft, host: string): boolean {
  const { saga, now } = draft;
  const { forwarding } = saga;
  if (!forwarding || !isTaken(forwarding.phase)) return false;
  Object.assign(forwarding, { phase: 'ended', ended_at: now });
  send(draft, host === saga.source ? 'end_receiving' : 'end_forwarding');
  return true;
}

const isTaken = (phase: NonNullable<Saga['forwarding']>['phase']) => phase === 'holding' || phase === 'forwarding';

/** Returns null if an operator may end it, or has. */
export function endForwardingRefusal({ status, forwarding }: Saga): Refusal | null {
  if (!forwarding) return { code: 'not_forwarding', message: 'It was started without "forward".' };
  if (forwarding.phase === 'forwarding' && status !== 'completed')
    return { code: 'not_forwarding', message: `It is "${status}"; forwarding can be ended once it is "completed".` };
  if (forwarding.phase === 'planned' || forwarding.phase === 'holding')
    return { code: 'not_forwarding', message: `It is "${status}" and forwards nothing yet.` };
  return null;
}

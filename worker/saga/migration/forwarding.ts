import type { CommandKind } from '../../../schema/commands.ts';
import { takesConnections } from '../../../schema/forwarding.ts';
import type { Saga } from '../../../schema/saga.ts';
import type { Refusal } from './refusal.ts';
import { close } from './results.ts';
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
  delete saga.results.release_connections;
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

/** The stack runs on the source again, or was never stopped there. Sent again if the answer was lost in a restore. */
export function oweRelease(draft: TransitionDraft): void {
  const { forwarding, window } = draft.saga;
  oweEnd(draft);
  if (!forwarding || !mayBeTaken(draft.saga)) return;
  forwarding.phase = 'released';
  dropPending(draft);
  send(draft, 'release_connections');
  if (window) send(draft, 'end_receiving');
}

/** A rollback forgets what was owed before it, so the source may not know of the end. */
function oweEnd(draft: TransitionDraft): void {
  const { forwarding, results } = draft.saga;
  if (forwarding?.phase === 'ended' && !results.end_forwarding) send(draft, 'end_forwarding');
}

/** By a record that was restored to before the hold, nothing is held yet; its source may know better. */
export function assumeHeld({ saga }: TransitionDraft): void {
  if (saga.forwarding?.phase === 'planned' && holdsConnections(saga)) saga.forwarding.phase = 'holding';
}

/** What is no longer wanted is neither awaited nor sent again. */
function dropPending(draft: TransitionDraft): void {
  const { saga } = draft;
  const isTaking = (kind: CommandKind) => takingKinds.includes(kind);
  for (const { id } of saga.awaiting.filter(({ kind }) => isTaking(kind))) close(draft, id);
  saga.retry = saga.retry.filter((kind) => !isTaking(kind));
}

const takingKinds: readonly CommandKind[] = ['hold_connections', 'forward_connections', 'receive_connections'];

/** Returns false if no connections are held or forwarded. `why`: ends the sentence. */
export function endForwarding(draft: TransitionDraft, why: string): boolean {
  if (!markEnded(draft)) return false;
  send(draft, 'end_forwarding');
  if (draft.saga.window) send(draft, 'end_receiving');
  recordEvent(draft, 'notice', { message: `connections to the source are no longer forwarded: ${why}` });
  return true;
}

/** One end of the way is gone: the other one is ended. Returns false if nothing was forwarded. */
export function forwardingHostDeleted(draft: TransitionDraft, host: string): boolean {
  if (!markEnded(draft)) return false;
  send(draft, host === draft.saga.source ? 'end_receiving' : 'end_forwarding');
  return true;
}

function markEnded(draft: TransitionDraft): boolean {
  const { forwarding } = draft.saga;
  if (!forwarding || !mayBeTaken(draft.saga)) return false;
  Object.assign(forwarding, { phase: 'ended', ended_at: draft.now });
  dropPending(draft);
  return true;
}

/** Held or forwarded, or let go without an answer. */
const mayBeTaken = ({ forwarding, results }: Saga): boolean =>
  takesConnections(forwarding) || (forwarding?.phase === 'released' && !results.release_connections);

/** Returns null if it has ended, or will as soon as the source hears of it. */
export function endForwardingRefusal({ status, forwarding, telling }: Saga): Refusal | null {
  const code = 'not_forwarding';
  if (!forwarding) return { code, message: 'The migration was started without "forward".' };
  if (forwarding.phase === 'planned' || forwarding.phase === 'holding')
    return { code, message: `The migration is "${status}" and forwards nothing yet.` };
  if (forwarding.phase !== 'forwarding') return null;
  if (telling) return { code, message: 'Its hosts are being asked what they have. Try again in a moment.' };
  return { code, message: `The migration is "${status}"; forwarding can be ended once it is "completed". Try again.` };
}

import type { Failure } from '../../../schema/agent-protocol.ts';
import type { SourcePhase, TargetPhase } from '../../../schema/commands/parts.ts';
import { limits } from '../../../schema/limits.ts';
import { isStep, isTerminal } from '../../../schema/migration-status.ts';
import type { Rollback, Saga } from '../../../schema/saga.ts';
import { beginArming } from './arming.ts';
import { needAttention } from './attention-report.ts';
import { owePointing, oweSetBack } from './cutover-names.ts';
import type { SagaEvent } from './events.ts';
import { assumeHeld, oweForwarding, oweRelease } from './forwarding.ts';
import { hostDeleted } from './host-deletion.ts';
import { close, recordResult } from './results.ts';
import { haltTarget } from './rollback.ts';
import { openWindow } from './safety-window.ts';
import { oweCleanup, oweRetention } from './terminal.ts';
import { forgetAwaited, recordEvent, send, type TransitionDraft } from './transition.ts';
import { beginRollbackUndo, beginUndo } from './undo.ts';

/**
 * Recovery from a database that was restored to an earlier moment, so that its record lags behind the hosts. Detected by a
 * refusal (`epoch_stale`, `ledger_ahead`), a lease request in a newer epoch, the version in the object's storage, or the
 * mark of the restore (`distrust`). The hosts are then asked for their own records, in an epoch above any they know, which
 * ends their running commands; nothing else is granted or sent. Once both have answered:
 *
 *   target \ source   untouched     stopped       retained      revived
 *   made              back          back          unclear       unclear
 *   leased            back          back          completed     between
 *   armed             unclear       completed     completed     between
 *   halted            rolled back   again         between       between
 *
 * `back`: undo the migration. `between`: undo a rollback, which leaves the stack on the target. `again`: roll back from its
 * first change on, since the target may have been stopping, or starting again. `unclear`: needs attention.
 * A silent host is waited for: the end of its lease proves nothing, since it may have its restart policies back.
 */
type Finding = 'back' | 'completed' | 'between' | 'again' | 'rolled back' | 'unclear';

const findings: { [T in TargetPhase]: { [S in SourcePhase]: Finding } } = {
  made: { untouched: 'back', stopped: 'back', retained: 'unclear', revived: 'unclear' },
  leased: { untouched: 'back', stopped: 'back', retained: 'completed', revived: 'between' },
  armed: { untouched: 'unclear', stopped: 'completed', retained: 'completed', revived: 'between' },
  halted: { untouched: 'rolled back', stopped: 'again', retained: 'between', revived: 'between' },
};

/** Far above the few epochs of a normal migration. */
const epochLeap = 1_000;
/** More restores than this point to another fault. */
const restorationsMax = 5;

const why = 'The control plane was restored to an earlier moment, and is behind what the hosts did since';

export function askHosts(draft: TransitionDraft): boolean {
  const { saga } = draft;
  saga.distrust = false;
  saga.restorations += 1;
  if (saga.restorations > restorationsMax) {
    forgetAwaited(draft);
    endTelling(draft);
    leaveToPerson(draft, 'The records of its hosts contradict this one again and again.');
    return true;
  }
  recordEvent(draft, 'notice', { message: `${why}: both are asked for their own records` });
  ask(draft);
  return true;
}

function ask(draft: TransitionDraft): void {
  const { saga } = draft;
  forgetAwaited(draft);
  saga.epoch += epochLeap;
  Object.assign(saga, { telling: true, retry: [] });
  delete saga.results.tell_source;
  delete saga.results.tell_target;
  send(draft, 'tell_source');
  send(draft, 'tell_target');
  saga.deadline_at = draft.now + limits.step.restoringMsMax;
}

export function whileTelling(draft: TransitionDraft, event: SagaEvent): boolean {
  const { saga, now } = draft;
  switch (event.type) {
    case 'command_done': {
      if (recordResult(draft, event) === false) return false;
      const { tell_source, tell_target } = saga.results;
      if (tell_source && tell_target) conclude(draft, tell_source.phase, tell_target.phase, tell_target.running);
      return true;
    }
    case 'command_failed': {
      const awaited = saga.awaiting.find(({ id }) => id === event.command_id);
      if (!awaited) return false;
      close(draft, awaited.id);
      saga.retry.push(awaited.kind);
      saga.deadline_at = now + limits.undo.retryMs;
      // A database restored twice may have made the same leap before; leap again, but not without end.
      if (event.failure.code === 'epoch_stale') askHosts(draft);
      return true;
    }
    case 'overdue':
      if (saga.retry.length > 0) {
        for (const kind of saga.retry) send(draft, kind);
        Object.assign(saga, { retry: [], deadline_at: now + limits.step.restoringMsMax });
        return true;
      }
      saga.deadline_at = null;
      if (!event.moved_on) waitForSource(draft);
      leaveToPerson(draft, `${why}. A host does not answer, so it is unknown where the stack runs.`);
      return true;
    case 'agent_lost':
      if (saga.status === 'needs_attention' || isTerminal(saga.status)) return false;
      leaveToPerson(draft, `${why}. A host is unreachable, so it is unknown where the stack runs.`);
      return true;
    case 'retry':
      ask(draft);
      return true;
    case 'host_deleted':
      forgetAwaited(draft);
      endTelling(draft);
      hostDeleted(draft, event.host);
      return true;
    default:
      return false;
  }
}

function endTelling({ saga }: TransitionDraft): void {
  Object.assign(saga, { telling: false, retry: [], deadline_at: null });
}

/** A terminal migration stays terminal; its hosts are asked once they are back. */
function leaveToPerson(draft: TransitionDraft, message: string): void {
  const { status } = draft.saga;
  if (!isTerminal(status) && status !== 'needs_attention') needAttention(draft, message);
}

/**
 * By this record the stack lives on the target, which does not run it: halted for a rollback that the record has forgotten,
 * or never armed. The source is silent and may run it, so the target starts again only once the source is declared lost.
 */
function waitForSource(draft: TransitionDraft): void {
  const { saga, now } = draft;
  const phase = saga.results.tell_target?.phase;
  if (saga.status !== 'completed' || (phase !== 'halted' && phase !== 'leased')) return;
  saga.window ??= openWindow(draft);
  saga.rollback = forgottenRollback(saga, now, phase === 'leased');
  saga.undo = { from: 'rollback', phase: 'stop', tries: 0, stop_refused: true };
  needAttention(draft, `${why}. The target has the stack as ${phase}, and the source does not answer.`);
}

const forgottenRollback = ({ rollback }: Saga, now: number, unarmed: boolean): Rollback => ({
  phase: 'reviving',
  requested_at: rollback?.requested_at ?? now,
  ended_at: null,
  failure: null,
  unarmed,
  target_lost: false,
});

function conclude(draft: TransitionDraft, source: SourcePhase, target: TargetPhase, running: boolean): void {
  const { saga } = draft;
  const finding = findingOf(draft, source, target);
  recordEvent(draft, 'notice', { message: `by the hosts' records: ${finding}`, source, target });
  endTelling(draft);
  if (finding === 'unclear') {
    leaveToPerson(
      draft,
      `${why}. Their records do not fit together: the source has it as ${source}, the target as ${target}.`,
    );
    return;
  }
  Object.assign(saga, { attention: null, arming: null });
  if (finding === 'back') goBack(draft, source, target);
  else if (finding === 'completed') toCompleted(draft, target === 'armed' && running);
  else if (finding === 'between') undoRollback(draft, target);
  else if (finding === 'again') rollBackAgain(draft);
  else toRolledBack(draft);
}

function findingOf({ saga }: TransitionDraft, source: SourcePhase, target: TargetPhase): Finding {
  const finding = findings[target][source];
  // A recorded end may not have reached the hosts yet.
  const end = saga.arming?.end ?? saga.status;
  if (end === 'completed' && finding === 'back' && target === 'leased') return 'completed';
  if (end === 'rolled_back' && (finding === 'between' || finding === 'again')) return 'rolled back';
  const untouched = target === 'made' && source === 'untouched';
  return saga.plan || untouched ? finding : 'unclear';
}

/** Adds the steps that the hosts took but the restored record lacks, so that the undo covers them. */
function goBack(draft: TransitionDraft, source: SourcePhase, target: TargetPhase): void {
  const { saga, now } = draft;
  assumeHeld(draft);
  if (isTerminal(saga.status)) {
    if (saga.plan) oweCleanup(draft);
    oweRelease(draft);
    return;
  }
  const clock = { started_at: now, ended_at: now };
  if (source === 'stopped') saga.steps.stopping ??= clock;
  if (target === 'leased') saga.steps.deploying ??= clock;
  if (saga.plan) saga.steps.preparing ??= clock;
  const step = isStep(saga.status) ? saga.status : (saga.failure?.step ?? 'verifying');
  saga.undo = null;
  beginUndo(draft, step, saga.failure ?? behind);
}

const behind: Failure = {
  code: 'ledger_ahead',
  message: `${why}. By both hosts' records it was not completed.`,
  log_tail: [],
};

/** A target that is armed and runs nothing may have failed to start it, after the moment of the backup: it is armed again. */
function toCompleted(draft: TransitionDraft, runs: boolean): void {
  const { saga } = draft;
  saga.undo = null;
  saga.window ??= openWindow(draft);
  if (runs) saga.status = 'completed';
  else beginArming(draft, 'completed');
  oweForwarding(draft);
  owePointing(draft);
  oweRetention(draft);
}

function undoRollback(draft: TransitionDraft, target: TargetPhase): void {
  const { saga, now } = draft;
  saga.window ??= openWindow(draft);
  saga.status = 'rolling_back';
  saga.rollback = forgottenRollback(saga, now, target === 'leased');
  beginRollbackUndo(draft, 'reviving', behind);
}

function rollBackAgain(draft: TransitionDraft): void {
  const { saga, now } = draft;
  Object.assign(saga, { status: 'rolling_back', undo: null, late_proofs: 0 });
  saga.window ??= openWindow(draft);
  saga.rollback = forgottenRollback(saga, now, false);
  haltTarget(draft, saga.rollback);
}

function toRolledBack(draft: TransitionDraft): void {
  const { saga, now } = draft;
  saga.undo = null;
  saga.window ??= openWindow(draft);
  const requested = { requested_at: now, failure: null, unarmed: false, target_lost: false };
  // Whatever phase is on record: an undo of it would stop too little.
  saga.rollback = { ...requested, ...saga.rollback, phase: 'proving', ended_at: now };
  beginArming(draft, 'rolled_back');
  oweRelease(draft);
  oweSetBack(draft);
}

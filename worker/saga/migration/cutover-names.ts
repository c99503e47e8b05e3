import type { CommandResult } from '../../../schema/commands.ts';
import type { PointedRecord } from '../../../schema/cutover-names.ts';
import type { Saga } from '../../../schema/saga.ts';
import { recordEvent, send, type TransitionDraft } from './transition.ts';

/**
 * Names of clients (`cutover_dns`), by the target's agent both ways, since the source may be about to be switched off:
 *
 *   when           to the target
 *   `completed`    point_names
 *   `rolled_back`  point_names_back
 *
 * Sent until answered, and again for what the answer calls failed. None of it ever fails the migration. The agent keeps
 * what each record was before, so a rollback needs no answer to the first.
 */
type Kind = 'point_names' | 'point_names_back';
type Answer = CommandResult<Kind>;

export const isPointing = (kind: string): kind is Kind => kind === 'point_names' || kind === 'point_names_back';

/** A rollback that failed comes here again, with the names as they were; one that is taken back, with names set back. */
export function owePointing(draft: TransitionDraft): void {
  const { cutover_dns, results } = draft.saga;
  const isSet = results.point_names && !hasFailed(results.point_names) && !results.point_names_back;
  if (cutover_dns.length === 0 || isSet) return;
  delete results.point_names_back;
  send(draft, 'point_names');
}

export function oweSetBack(draft: TransitionDraft): void {
  const { saga } = draft;
  if (saga.cutover_dns.length === 0) return;
  send(draft, 'point_names_back');
  if (saga.rollback?.target_lost) tellToDoByHand(draft, 'the target, which could set them back, was declared lost');
}

/** The host that could set them back has left the fleet. */
export function namesHostDeleted(draft: TransitionDraft): void {
  if (draft.saga.status === 'rolled_back') tellToDoByHand(draft, 'the target, which could set them back, was deleted');
}

/** Returns true if some of it has to be done again. Tells what is left to do only if that has changed. */
export function pointed(draft: TransitionDraft, { records }: Answer, before: Answer | undefined): boolean {
  const told = new Set((before?.records ?? []).map(says));
  for (const record of records) if (!told.has(says(record))) recordEvent(draft, 'notice', { message: says(record) });
  return hasFailed({ records });
}

/** What became of a record, in one sentence. */
export function says({ name, type, from, to, left, failed }: PointedRecord): string {
  const what = type === null ? name : `${name} (${type})`;
  if (failed !== null) return `${what} could not be changed and is tried again: ${failed}`;
  if (left !== null) return `${what} is left as it is: ${left}`;
  return from === to ? `${what} leads to ${to} already` : `${what} leads to ${to} now, no longer to ${from}`;
}

const hasFailed = ({ records }: Answer) => records.some(({ failed }) => failed !== null);

const isChanged = ({ from, to, left, failed }: PointedRecord) => left === null && failed === null && from !== to;

function tellToDoByHand(draft: TransitionDraft, why: string): void {
  const { cutover_dns, results } = draft.saga;
  if (!results.point_names && cutover_dns.length > 0)
    recordEvent(draft, 'notice', {
      message: 'names may lead to the target, whose agent has not said what they were: look at each',
      records: cutover_dns,
      why,
    });
  const by = changedIn(draft.saga).map(({ name, type, from }) => `${name} (${type}) to ${from}`);
  if (by.length > 0) recordEvent(draft, 'notice', { message: 'set names back by hand', records: by, why });
}

/** Records that lead to the target, as far as its agent has said. */
function changedIn({ results }: Saga): PointedRecord[] {
  const back = (results.point_names_back?.records ?? []).filter(({ failed }) => failed === null);
  const isBack = (one: PointedRecord) => back.some(({ name, type }) => name === one.name && type === one.type);
  return (results.point_names?.records ?? []).filter((one) => isChanged(one) && !isBack(one));
}

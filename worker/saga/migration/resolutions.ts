import { type Resolution, resolutions, type Saga } from '../../../schema/saga.ts';
import type { Refusal } from './refusal.ts';

/**
 * The decisions open to an operator when a migration may wait forever, with their consequences. A host that is declared
 * lost must never run its copy again: it cannot be asked, so only this promise prevents two running copies.
 */
export function resolutionsOf(saga: Saga): { resolution: Resolution; consequence: string }[] {
  return resolutions.flatMap((resolution) => {
    const found = decide(saga, resolution);
    return found.allowed ? [{ resolution, consequence: found.consequence }] : [];
  });
}

/** Returns null if the record allows this resolution. */
export function resolutionRefusal(saga: Saga, resolution: Resolution): Refusal | null {
  const found = decide(saga, resolution);
  return found.allowed ? null : { code: 'nothing_to_resolve', message: found.why };
}

type Decision = { allowed: true; consequence: string } | { allowed: false; why: string };

const no = (why: string): Decision => ({ allowed: false, why });
const yes = (consequence: string): Decision => ({ allowed: true, consequence });

const onTarget =
  'The stack is started on the target, with the data that arrived there, and verified; then the migration is completed. ' +
  'What the source wrote since, if it was put back, is left behind. ' +
  'If the source ever runs its copy again, two copies run: its agent is told to stop it as soon as it is back.';
const onSource =
  'The stack is started on the source, with the data it had when it was stopped there. What it wrote on the target since is left behind. ' +
  'If the target ever runs its copy again, two copies run: its agent is told to stop it as soon as it is back.';
const givenUp =
  'The migration ends as failed, and its stack and hosts are free. Nothing is started, stopped or deleted: ' +
  'look where the data is, and bring exactly one copy up by hand.';

function decide(saga: Saga, resolution: Resolution): Decision {
  const { status, undo, arming } = saga;
  if (resolution === 'give_up')
    return status === 'needs_attention'
      ? yes(givenUp)
      : no(`The migration is "${status}" and is not waiting for a decision.`);
  if (status === 'needs_attention' && undo)
    return undo.from === 'migration' ? fromMove(saga, resolution) : fromRollback(saga, resolution);
  const end = status === 'needs_attention' ? arming?.end : status;
  if (end === 'completed') return fromHome(saga, resolution, 'target');
  if (end === 'rolled_back') return fromHome(saga, resolution, 'source');
  return no(`The migration is "${status}" and is not waiting for a decision.`);
}

function fromMove({ undo, steps }: Saga, lost: 'source_lost' | 'target_lost'): Decision {
  if (lost === 'source_lost')
    return steps.deploying
      ? yes(onTarget)
      : no('The target does not have all of the data, so the stack cannot be started there.');
  return undo?.phase === 'stop' ? yes(onSource) : no('The target is stopped. It is the source that is waited for.');
}

function fromRollback({ undo }: Saga, lost: 'source_lost' | 'target_lost'): Decision {
  if (lost === 'target_lost') return yes(onSource);
  return undo?.phase === 'stop' ? yes(onTarget) : no('The source is stopped. It is the target that is waited for.');
}

/** The stack lives on one side, and the other keeps a copy. */
function fromHome({ window }: Saga, lost: 'source_lost' | 'target_lost', home: 'source' | 'target'): Decision {
  if (lost !== `${home}_lost`)
    return no(`The stack has its home on the ${home}: nothing is expected of the other host.`);
  const purge = home === 'target' ? window?.source_purge : window?.target_purge;
  if (purge) return no('The copy on the other host has been deleted, or begun to be.');
  return yes(home === 'target' ? onSource : onTarget);
}

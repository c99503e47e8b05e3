import type { Mode } from '../../schema/migration-status.ts';
import type { Env } from '../env.ts';
import { judge } from '../migration/judge.ts';
import { ask, keptOn } from '../migration/preflight.ts';
import type { PreflightFacts } from '../migration/preflight-facts.ts';
import type { Choice } from './advance.ts';
import {
  type AskedStack,
  askStacks,
  askTargets,
  type Here,
  type Leaving,
  lookHere,
  type Named,
  seenLately,
  type Target,
} from './ask-fleet.ts';
import { type Agreed, negotiate } from './negotiate.ts';
import type { Load, Room } from './plan.ts';
import { bounded, type Refusal, whyNot } from './why-not.ts';

/** What a survey is made for; a drain's record is one. */
export interface SurveyInputs {
  host: string;
  /** The only host that may take stacks; null for any. */
  target: string | null;
  mode: Mode;
  accept_unmoved: boolean;
}

export interface Survey {
  targets: Target[];
  /** In the order they should go; `load` is null where it is not known. */
  stacks: (Named & { load: Load | null; choice: Choice })[];
}

/**
 * Asks the host about its stacks and the others what they have free, plans with these numbers, and judges each planned
 * pair as its pre-flight will. Changes nothing.
 */
export async function survey(env: Env, inputs: SurveyInputs, stacks: Leaving[]): Promise<Survey> {
  const here = await lookHere(env, inputs.host);
  const [targets, asked] = await Promise.all([askTargets(env, here, inputs.target), askStacks(env, here, stacks)]);
  const loads = asked.flatMap(({ load }) => load ?? []);
  const rooms = targets.flatMap(({ room }) => room ?? []);
  const agreed = await negotiate(loads, rooms, async (load, room) => {
    const stack = asked.find(({ id }) => id === load.id);
    const target = targets.find(({ row }) => row.id === room.id);
    return stack && target ? examine(env, inputs, here, stack, target, room) : null;
  });
  const silent = targets.filter(({ facts, row }) => !facts.ok && seenLately(row));
  const planned = agreed.map((one) => ({ ...named(one.load), load: one.load, choice: choiceOf(one, silent) }));
  const others = asked.flatMap(({ choice, ...stack }) => (choice ? [{ ...named(stack), load: null, choice }] : []));
  return { targets, stacks: [...planned, ...others] };
}

/** The pair's pre-flight, from what was asked already and the target's own answer to this stack. */
async function examine(
  env: Env,
  { mode, accept_unmoved }: SurveyInputs,
  { row: home, relays, source }: Here,
  stack: AskedStack,
  target: Target,
  room: Room,
): Promise<Refusal | null> {
  const ids = { stack_id: stack.id, target_host_id: room.id };
  const fit: PreflightFacts['fit'] = stack.facts.ok
    ? await ask(env, room.id, 'check_target', { stack: stack.facts.data, migration_id: null })
    : stack.facts;
  const report = judge({
    inputs: { ...ids, source_host_id: home.id, sizing: 'stack', mode, accept_unmoved },
    now: Date.now(),
    source,
    target: target.facts,
    stack: stack.facts,
    fit,
    relays,
    names: { source: home.name, target: room.name },
    cordoned: false,
    running_migration: null,
    kept: await keptOn(env, ids, stack.name),
    reserved: target.reserved,
    measured_rate: null,
  });
  return whyNot(report);
}

function choiceOf(one: Agreed, [silent]: Target[]): Choice {
  const stack_id = one.load.id;
  if (one.kind === 'placed') return { kind: 'target', stack_id, target: one.room.id, fit: one.fit };
  // A host that may be back in a moment might have taken it.
  if (!silent || one.anywhere) return { kind: 'obstacle', stack_id, obstacle: one.obstacle };
  const message = bounded(`"${silent.row.name}" does not answer. ${one.obstacle.message}`);
  return { kind: 'unanswered', stack_id, obstacle: { code: 'host_offline', message } };
}

const named = ({ id, name }: Named): Named => ({ id, name });

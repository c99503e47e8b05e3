import type { Env } from '../../env.ts';
import type { Choice } from '../../saga/drain/advance.ts';
import { type Agreed, negotiate } from '../../saga/drain/assign-targets.ts';
import type { Load, Room } from '../../saga/drain/plan.ts';
import { bounded, type Refusal, whyNot } from '../../saga/drain/refusal.ts';
import { type DrainOptions, optionsOf } from '../../saga/drain/stack-options.ts';
import { askFit, askLogins } from '../../saga/preflight/ask-and-judge.ts';
import { judge } from '../../saga/preflight/judge.ts';
import type { PreflightFacts } from '../../saga/preflight/preflight-facts.ts';
import { type KeptCopy, keptCopies } from '../../store/stack-history.ts';
import { asking, callToPurge } from '../stack-migration/preflight.ts';
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
} from './collect-facts.ts';

/** Input of a survey; a drain's record satisfies it. */
export interface SurveyInputs extends DrainOptions {
  host: string;
}

/** A stack to be moved, with the host that an earlier survey planned. */
type Planned = Named & { target?: string | null };

export interface Survey {
  targets: Target[];
  /** In the order they should move; `load` is null if unknown. */
  stacks: (Named & { load: Load | null; choice: Choice })[];
}

/**
 * Asks the host about its stacks and the others about their room, plans with these numbers, and judges each planned
 * pair like its pre-flight. Read-only.
 */
export async function survey(env: Env, inputs: SurveyInputs, stacks: Planned[]): Promise<Survey> {
  const here = await lookHere(env, inputs.host);
  const leaving = stacks.map((stack): Leaving => {
    const { target: only, env: variables, exclude } = optionsOf(inputs, stack.name);
    return { ...stack, only, env: variables, exclude };
  });
  const only = stacks.length === 0 ? [inputs.target] : leaving.map((stack) => stack.only);
  const [targets, asked, copies] = await Promise.all([
    askTargets(env, here, only),
    askStacks(env, here, leaving),
    keptCopies(
      env.DB,
      leaving.map(({ id }) => id),
    ),
  ]);
  const loads = asked.flatMap(({ load }) => load ?? []);
  const rooms = targets.flatMap(({ room }) => room ?? []);
  const tryPair = async (load: Load, room: Room) => {
    const stack = asked.find(({ id }) => id === load.id);
    const target = targets.find(({ row }) => row.id === room.id);
    return stack && target ? examine(env, inputs, here, stack, target, room, copies) : null;
  };
  const agreed = await negotiate(loads, rooms, tryPair, inputs.pack);
  const silent = targets.filter(({ facts, row }) => !facts.ok && seenLately(row));
  const noRelay = here.relays.length === 0;
  const planned = agreed.map((one) => ({ ...named(one.load), load: one.load, choice: choiceOf(one, silent, noRelay) }));
  const others = asked.flatMap(({ choice, ...stack }) => (choice ? [{ ...named(stack), load: null, choice }] : []));
  return { targets, stacks: [...planned, ...others] };
}

/** The pre-flight of a pair, from the collected facts and the target's answer for this stack. */
async function examine(
  env: Env,
  inputs: SurveyInputs,
  { row: home, relays, source }: Here,
  stack: AskedStack,
  target: Target,
  room: Room,
  copies: KeptCopy[],
): Promise<Refusal | null> {
  const ids = { stack_id: stack.id, target_host_id: room.id };
  const { target: _, mode, ...options } = optionsOf(inputs, stack.name);
  const fit: PreflightFacts['fit'] = stack.facts.ok
    ? await askFit(asking(env), { source: home.id, target: room.id }, stack.facts.data, null, options)
    : stack.facts;
  const logins = stack.facts.ok ? await askLogins(asking(env), home.id, stack.facts.data, fit, options) : null;
  const report = judge({
    inputs: { ...ids, source_host_id: home.id, sizing: 'stack', mode, ...options },
    now: Date.now(),
    source,
    target: target.facts,
    stack: stack.facts,
    fit,
    logins,
    relays,
    names: { source: home.name, target: room.name },
    cordoned: false,
    running_migration: null,
    kept: callToPurge(copies, ids, stack.name),
    reserved: target.reserved,
    ...{ measured_rate: null, measured_stop_start_s: null, bandwidth_limit: null },
  });
  return whyNot(report);
}

function choiceOf(one: Agreed, silents: Target[], noRelay: boolean): Choice {
  const { id: stack_id, only = null } = one.load;
  if (one.kind === 'placed') return { kind: 'target', stack_id, target: one.room.id, fit: one.fit };
  // A deploy cuts off the relays too, and they may be back later than the hosts.
  if (noRelay) return { kind: 'unanswered', stack_id, obstacle: one.obstacle };
  const silent = silents.find(({ row }) => only === null || row.id === only);
  // A silent host that may be back soon could have taken the stack.
  if (!silent || one.anywhere) return { kind: 'obstacle', stack_id, obstacle: one.obstacle };
  const message = bounded(`"${silent.row.name}" does not answer. ${one.obstacle.message}`);
  return { kind: 'unanswered', stack_id, obstacle: { code: 'host_offline', message } };
}

const named = ({ id, name }: Named): Named => ({ id, name });

import {
  type DrainRun,
  type DrainStack,
  type Fit,
  hasEnded,
  type Obstacle,
  planObstacles,
} from '../../../schema/drain.ts';
import { limits } from '../../../schema/limits.ts';
import { type MigrationSeen, settle } from './settle.ts';

/**
 * The drain of one host as a pure function: no I/O, no clock, no randomness.
 *
 *   due           what the coordinator does                    event
 *   look          surveys all stacks: plan and order           planned
 *   choose        surveys the next stack again                 chosen
 *   start         starts an ordinary migration                 seen, refused or unstarted
 *   (always)      reads its migrations: polled and notified    seen
 *
 * A choice is committed before its migration starts, and a migration carries its drain's id, so a wake in between finds the
 * migration or starts it. A stack that cannot be moved, or whose migration failed, stays where it is, and the drain
 * continues. Once nothing is left to wait for the drain has ended, `completed` if no stack stayed.
 */
export type DrainEvent =
  | { type: 'planned'; choices: Choice[] }
  | { type: 'chosen'; choice: Choice }
  /** The start was refused: another migration holds the stack. */
  | { type: 'refused'; stack_id: string; obstacle: Obstacle }
  /** The start of the migration got no answer. */
  | { type: 'unstarted'; stack_id: string }
  | { type: 'seen'; migrations: MigrationSeen[] }
  | { type: 'pause' }
  | { type: 'resume' }
  | { type: 'abort'; cancel_running: boolean };

/** The result of a survey for one stack. */
export type Choice = { stack_id: string } & (
  | { kind: 'target'; target: string; fit: Fit }
  | { kind: 'obstacle'; obstacle: Obstacle }
  /** Its host, or every possible target, is silent, so nothing is known. */
  | { kind: 'unanswered'; obstacle: Obstacle }
  | { kind: 'gone' }
);

/** Returns the next state, or null if the event changes nothing (a repeat, or too late). */
export function advance(before: DrainRun, event: DrainEvent, now: number): DrainRun | null {
  if (hasEnded(before.status)) return null;
  const run = structuredClone(before);
  if (!handle(run, event, now)) return null;
  const open = run.stacks.some(({ status }) => status === 'waiting' || status === 'starting' || status === 'moving');
  if (!open && (run.planned || run.status === 'aborting')) {
    const stayed = run.stacks.some(({ status }) => status === 'stayed');
    run.status = !stayed ? 'completed' : run.status === 'aborting' ? 'aborted' : 'failed';
  }
  return run;
}

function handle(run: DrainRun, event: DrainEvent, now: number): boolean {
  switch (event.type) {
    case 'planned':
      return plan(run, event.choices);
    case 'chosen':
      return choose(run, event.choice, now);
    case 'refused': {
      const stack = unstarted(run, event.stack_id);
      if (!stack) return false;
      stay(stack, event.obstacle, now);
      return true;
    }
    case 'unstarted': {
      const stack = unstarted(run, event.stack_id);
      if (!stack) return false;
      if (now - stack.since < limits.drain.startMsMax) run.retry_at = now + limits.drain.pollMs;
      else stay(stack, unavailable, now);
      return true;
    }
    case 'seen':
      return run.stacks.map((stack) => settle(stack, event.migrations, now)).includes(true);
    case 'pause':
      if (run.status !== 'running') return false;
      run.status = 'paused';
      return true;
    case 'resume':
      if (run.status !== 'paused') return false;
      run.status = 'running';
      run.retry_at = 0;
      // A silence from before the pause does not count.
      run.silent_since = null;
      return true;
    case 'abort': {
      if (run.status === 'aborting' && (run.cancel_running || !event.cancel_running)) return false;
      run.status = 'aborting';
      run.cancel_running ||= event.cancel_running;
      for (const stack of run.stacks) if (stack.status === 'waiting') stay(stack, aborted, now);
      return true;
    }
  }
}

/** Only the order is final: each stack is surveyed again at its turn, and keeps its planned target if it still fits. */
function plan(run: DrainRun, choices: Choice[]): boolean {
  if (run.planned) return false;
  run.planned = true;
  const turnOf = new Map(choices.map(({ stack_id }, turn) => [stack_id, turn]));
  run.stacks.sort((a, b) => (turnOf.get(a.id) ?? choices.length) - (turnOf.get(b.id) ?? choices.length));
  for (const stack of run.stacks) {
    const choice = choices.find(({ stack_id }) => stack_id === stack.id);
    if (stack.status === 'waiting' && choice) foresee(stack, choice);
  }
  return true;
}

function foresee(stack: DrainStack, choice: Choice): void {
  const found = choice.kind === 'target';
  stack.target = found ? choice.target : null;
  stack.fit = found ? choice.fit : null;
  stack.obstacle = choice.kind === 'obstacle' || choice.kind === 'unanswered' ? choice.obstacle : null;
}

function choose(run: DrainRun, choice: Choice, now: number): boolean {
  const stack = run.stacks.find(({ id }) => id === choice.stack_id);
  if (run.status !== 'running' || stack?.status !== 'waiting') return false;
  if (choice.kind === 'unanswered') {
    run.silent_since ??= now;
    if (now - run.silent_since < limits.drain.silenceMsMax) {
      run.retry_at = now + limits.drain.pollMs;
      // Keeps the planned target, for when the hosts answer.
      stack.obstacle = choice.obstacle;
      return true;
    }
    foresee(stack, choice);
    stay(stack, choice.obstacle, now);
    return true;
  }
  foresee(stack, choice);
  run.silent_since = null;
  if (choice.kind === 'obstacle') stay(stack, choice.obstacle, now);
  else Object.assign(stack, { status: choice.kind === 'gone' ? 'gone' : 'starting', since: now });
  return true;
}

/** The stack if it was chosen and has no migration yet. */
function unstarted(run: DrainRun, id: string): DrainStack | undefined {
  return run.stacks.find((stack) => stack.id === id && stack.status === 'starting' && stack.migration_id === null);
}

function stay(stack: DrainStack, obstacle: Obstacle, now: number): void {
  Object.assign(stack, { status: 'stayed', since: now, obstacle });
}

const aborted: Obstacle = { code: planObstacles.aborted, message: 'The drain was aborted before its turn.' };
const unavailable: Obstacle = {
  code: 'control_unavailable',
  message: 'Its migration could not be started: the control plane did not accept it.',
};

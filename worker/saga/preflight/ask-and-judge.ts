import type { Outcome, RequestAnswer, RequestKind, RequestPayload } from '../../../schema/agent-protocol.ts';
import { partsOf } from '../../../schema/cutover-names.ts';
import { variablesIn } from '../../../schema/environment.ts';
import type { StackFacts } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import type { MoveOptions } from '../../../schema/move-options.ts';
import type { TargetFacts } from '../../../schema/target-facts.ts';
import { loginsWanted } from './arriving-images.ts';
import { chosenBinds } from './chosen-binds.ts';
import { spareRoom } from './host-checks.ts';
import { judge } from './judge.ts';
import { movedStack } from './moved-stack.ts';
import { sagaPlanOf } from './plan.ts';
import type { Answered, Logins, Preflight, PreflightFacts } from './preflight-facts.ts';

/** Sends a request to a host and returns its outcome, within `msMax`. */
export type SendRequest = (host: string, kind: RequestKind, payload: unknown, msMax: number) => Promise<Outcome>;

export type AskHost = <K extends RequestKind>(
  host: string,
  kind: K,
  payload: RequestPayload<K>,
) => Promise<Answered<RequestAnswer<K>>>;

export const askOver =
  (send: SendRequest): AskHost =>
  async <K extends RequestKind>(host: string, kind: K, payload: RequestPayload<K>) => {
    const asked_at = Date.now();
    const outcome = await send(host, kind, payload, limits.control.requestMsMax);
    if (!outcome.ok) return { ok: false, why: outcome.error.message, offline: outcome.error.code === 'host_offline' };
    return { ok: true, data: outcome.data as RequestAnswer<K>, asked_at, answered_at: Date.now() };
  };

/** Asks a target whether the stack fits there, with all that was chosen to move. `ownId`: see `askAndJudge`. */
export function askFit(
  ask: AskHost,
  { source, target }: { source: string; target: string },
  stack: StackFacts,
  ownId: string | null,
  options: MoveOptions,
): Promise<Answered<TargetFacts>> {
  return ask(target, 'check_target', {
    stack: movedStack(stack, options),
    migration_id: ownId,
    source_host_id: source,
    bind_places: chosenBinds(stack, options.binds).trees.map(({ place }) => place),
  });
}

/**
 * Asks the source whether it has logins for images that the target can't get by itself; null if there is nothing to ask.
 */
export async function askLogins(
  ask: AskHost,
  source: string,
  stack: StackFacts,
  fit: PreflightFacts['fit'],
  options: MoveOptions,
): Promise<Logins> {
  if (!fit.ok) return null;
  const references = loginsWanted({ stack, target: fit.data, options });
  if (references.length === 0) return null;
  const answer = await ask(source, 'check_logins', { project: stack.project, references });
  return answer.ok ? { ...answer, data: answer.data.logins } : answer;
}

/** Asks both hosts and judges their answers. `known`: all that no host is asked. `ownId`: null for a dry run. */
export async function askAndJudge(
  ask: AskHost,
  project: string,
  ownId: string | null,
  known: Omit<PreflightFacts, 'now' | 'source' | 'target' | 'stack' | 'fit' | 'logins'>,
): Promise<Preflight> {
  const { relays } = known;
  const { source_host_id, target_host_id, exclude, cutover_dns } = known.inputs;
  const [source, target, stack] = await Promise.all([
    ask(source_host_id, 'probe', { relays, names: [] }),
    ask(target_host_id, 'probe', { relays, names: cutover_dns.map(partsOf) }),
    ask(source_host_id, 'inspect_stack', { project, environment: variablesIn(known.inputs.env), exclude }),
  ]);
  const fit: PreflightFacts['fit'] =
    stack.ok && target.ok
      ? await askFit(ask, { source: source_host_id, target: target_host_id }, stack.data, ownId, known.inputs)
      : { ok: false, why: stack.ok ? 'the target does not answer' : 'the stack could not be read', offline: false };
  const logins = stack.ok ? await askLogins(ask, source_host_id, stack.data, fit, known.inputs) : null;
  const facts: PreflightFacts = { ...known, now: Date.now(), source, target, stack, fit, logins };
  const report = judge(facts);
  const plan =
    report.passed && stack.ok && fit.ok && source.ok && target.ok
      ? sagaPlanOf(stack.data, fit.data, { source: source.data, target: target.data }, known.inputs, logins)
      : null;
  const offline = relays.length === 0 || [source, target, stack, fit].some((answer) => !answer.ok && answer.offline);
  return { report, offline, project, plan, spare: report.passed ? spareRoom(facts) : null };
}

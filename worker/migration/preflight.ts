import { and, desc, eq, inArray, ne, or, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { Outcome, RequestAnswer, RequestKind, RequestPayload } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { isTerminal } from '../../schema/migration-status.ts';
import type { ReportInputs } from '../../schema/preflight-report.ts';
import { migration, node } from '../../schema/tables.ts';
import type { Env } from '../env.ts';
import { connectionOf } from '../hosts/stubs.ts';
import { measuredRate } from '../store/measured-rate.ts';
import { connectedRelays } from '../store/relays.ts';
import { promisedOn } from '../store/transition-guard.ts';
import { spareRoom } from './host-checks.ts';
import { judge } from './judge.ts';
import { sagaPlanOf } from './plan.ts';
import type { Answered, Preflight, PreflightFacts, Room } from './preflight-facts.ts';
import { isPurged, owesArming } from './safety-window.ts';

/**
 * Asks both hosts and judges their answers. Changes nothing. `ownId` is the migration this is the first step of, null
 * for a trial.
 */
export async function runPreflight(
  env: Env,
  inputs: ReportInputs,
  project: string,
  ownId: string | null,
): Promise<Preflight> {
  const [relays, { names, cordoned }, running_migration, kept, reserved, measured_rate] = await Promise.all([
    connectedRelays(env),
    hostsOf(env, inputs),
    runningMigration(env, inputs.stack_id, ownId),
    keptOn(env, inputs, project),
    reservedOn(env, inputs.target_host_id, ownId),
    measuredRate(env.DB, [inputs.source_host_id, inputs.target_host_id]),
  ]);
  const [source, target, stack] = await Promise.all([
    ask(env, inputs.source_host_id, 'probe', { relays }),
    ask(env, inputs.target_host_id, 'probe', { relays }),
    ask(env, inputs.source_host_id, 'inspect_stack', { project }),
  ]);
  const fit: PreflightFacts['fit'] =
    stack.ok && target.ok
      ? await ask(env, inputs.target_host_id, 'check_target', { stack: stack.data, migration_id: ownId })
      : { ok: false, why: stack.ok ? 'the target does not answer' : 'the stack could not be read' };
  const facts: PreflightFacts = {
    inputs,
    now: Date.now(),
    source,
    target,
    stack,
    fit,
    relays,
    names,
    cordoned,
    running_migration,
    kept,
    reserved,
    measured_rate,
  };
  const report = judge(facts);
  const plan =
    report.passed && stack.ok && fit.ok && source.ok && target.ok
      ? sagaPlanOf(stack.data, fit.data, { source: source.data, target: target.data })
      : null;
  return { report, project, plan, spare: report.passed ? spareRoom(facts) : null };
}

export async function ask<K extends RequestKind>(
  env: Env,
  host: string,
  kind: K,
  payload: RequestPayload<K>,
): Promise<Answered<RequestAnswer<K>>> {
  const asked_at = Date.now();
  const outcome: Outcome = await connectionOf(env, host).request(kind, payload, limits.control.requestMsMax);
  if (!outcome.ok) return { ok: false, why: outcome.error.message };
  return { ok: true, data: outcome.data as RequestAnswer<K>, asked_at, answered_at: Date.now() };
}

async function hostsOf(env: Env, { source_host_id, target_host_id }: ReportInputs) {
  const rows = await drizzle(env.DB)
    .select({ id: node.id, name: node.name, cordoned_at: node.cordoned_at })
    .from(node)
    .where(inArray(node.id, [source_host_id, target_host_id]))
    .all();
  const nameOf = (id: string) => rows.find((row) => row.id === id)?.name ?? id;
  return {
    names: { source: nameOf(source_host_id), target: nameOf(target_host_id) },
    cordoned: rows.some(({ id, cordoned_at }) => id === target_host_id && cordoned_at !== null),
  };
}

/** Of this stack: one under way, or one that has ended and not yet been seen to on its host. */
export async function runningMigration(env: Env, stackId: string, ownId: string | null): Promise<string | null> {
  const rows = await drizzle(env.DB)
    .select({ id: migration.id, status: migration.status, saga: migration.saga })
    .from(migration)
    .where(and(eq(migration.stack_id, stackId), ownId ? ne(migration.id, ownId) : undefined))
    .all();
  return rows.find(({ status, saga }) => !isTerminal(status) || owesArming(saga))?.id ?? null;
}

/** How to delete the copy of this stack that its latest migration from, or rolled back from, the target keeps there. */
export async function keptOn(
  env: Env,
  { stack_id, target_host_id }: Pick<ReportInputs, 'stack_id' | 'target_host_id'>,
  project: string,
): Promise<string | null> {
  const rows = await drizzle(env.DB)
    .select({ id: migration.id, status: migration.status, source: migration.source_host_id, saga: migration.saga })
    .from(migration)
    .where(
      and(
        eq(migration.stack_id, stack_id),
        or(eq(migration.source_host_id, target_host_id), eq(migration.target_host_id, target_host_id)),
      ),
    )
    .orderBy(desc(migration.id))
    .all();
  for (const { id, status, source, saga } of rows) {
    const side = source === target_host_id ? 'source' : 'target';
    if (status === (side === 'source' ? 'completed' : 'rolled_back') && !isPurged(saga.window, side))
      return `DELETE /api/v1/stacks/${project}/migrate/${id}/${side}`;
  }
  return null;
}

/** Two stacks cannot both be promised the same room: the commit of a pre-flight that passed looks again. */
export async function reservedOn(env: Env, hostId: string, ownId: string | null): Promise<Room> {
  const { memory_bytes, disk_bytes } = promisedOn(hostId, ownId);
  const promised = await drizzle(env.DB).get<Room>(
    sql`SELECT ${memory_bytes} AS memory_bytes, ${disk_bytes} AS disk_bytes`,
  );
  return promised;
}

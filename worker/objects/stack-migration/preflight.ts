import { inArray, sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/d1';
import type { ReportInputs } from '../../../schema/preflight-report.ts';
import { connectionOf } from '../../durable-objects.ts';
import type { Env } from '../../env.ts';
import { type AskHost, askAndJudge, askOver } from '../../saga/preflight/ask-and-judge.ts';
import type { Preflight, Room } from '../../saga/preflight/preflight-facts.ts';
import { measuredRate, measuredStopStart } from '../../store/measured-rate.ts';
import { connectedRelays } from '../../store/relays.ts';
import { type KeptCopy, keptCopies, runningMigrations } from '../../store/stack-history.ts';
import { promisedOn } from '../../store/transition-guard.ts';
import { node } from '../../tables/fleet.ts';

/**
 * Asks both hosts and judges their answers. Read-only. `ownId` is the migration that runs this pre-flight; null for a
 * dry run. `bandwidth_limit`: bytes per second that the source may send; null for any.
 */
export async function runPreflight(
  env: Env,
  inputs: ReportInputs,
  project: string,
  ownId: string | null,
  bandwidth_limit: number | null,
): Promise<Preflight> {
  const [relays, { names, cordoned }, running, copies, reserved, ...measured] = await Promise.all([
    connectedRelays(env),
    hostsOf(env, inputs),
    runningMigrations(env.DB, [inputs.stack_id], ownId),
    keptCopies(env.DB, [inputs.stack_id]),
    reservedOn(env, inputs.target_host_id, ownId),
    measuredRate(env.DB, [inputs.source_host_id, inputs.target_host_id]),
    measuredStopStart(env.DB, inputs.stack_id),
  ]);
  const running_migration = running.get(inputs.stack_id) ?? null;
  const kept = callToPurge(copies, inputs, project);
  const [measured_rate, measured_stop_start_s] = measured;
  const known = {
    ...{ inputs, relays, names, cordoned, running_migration, kept, reserved },
    ...{ measured_rate, measured_stop_start_s, bandwidth_limit },
  };
  return askAndJudge(asking(env), project, ownId, known);
}

/** Asks over the hosts' live connections. */
export const asking = (env: Env): AskHost =>
  askOver((host, kind, payload, msMax) => connectionOf(env, host).request(kind, payload, msMax));

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

/** The API call that deletes the copy of this stack that is kept on the target; null if there is none. */
export function callToPurge(
  copies: KeptCopy[],
  { stack_id, target_host_id }: Pick<ReportInputs, 'stack_id' | 'target_host_id'>,
  project: string,
): string | null {
  const copy = copies.find((one) => one.stack_id === stack_id && one.host_id === target_host_id);
  return copy ? `DELETE /api/v1/stacks/${project}/migrate/${copy.id}/${copy.side}` : null;
}

/**
 * The room reserved by other migrations. The commit of a passed pre-flight checks it again, so the same room is never
 * reserved twice.
 */
async function reservedOn(env: Env, hostId: string, ownId: string | null): Promise<Room> {
  const { memory_bytes, disk_bytes } = promisedOn(hostId, ownId);
  const promised = await drizzle(env.DB).get<Room>(
    sql`SELECT ${memory_bytes} AS memory_bytes, ${disk_bytes} AS disk_bytes`,
  );
  return promised;
}

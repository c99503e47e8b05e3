import { type AskKind, type AskReply, askKinds, type Outcome } from '../../../schema/agent-protocol.ts';
import { forwardLane, takesConnections } from '../../../schema/forwarding.ts';
import { isStep } from '../../../schema/migration-status.ts';
import { fleetOf, migrationsOf } from '../../durable-objects.ts';
import type { Env } from '../../env.ts';
import type { MigrationRow } from '../../saga/migration/ports.ts';
import { loadMigration } from '../../store/migration-store.ts';
import { findNode } from '../../store/nodes.ts';
import { loadedRelays } from '../../store/relays.ts';
import { no } from './control-socket.ts';

/** Answers a host's queries, only about migrations with this host as source or target (B28). */
export async function answerQuery(env: Env, hostId: string, kind: AskKind, payload: unknown): Promise<Outcome> {
  const asked = askKinds[kind].payload.safeParse(payload);
  if (!asked.success) return no('invalid_request', `The payload of "${kind}" does not fit.`);
  const { data } = asked;
  const row = await loadMigration(env.DB, data.migration_id);
  if (!row || (row.source_host_id !== hostId && row.target_host_id !== hostId))
    return no('foreign_resource', 'This host has no part in that migration.');
  if ('epoch' in data) {
    const lease: AskReply<'lease'> = await migrationsOf(env, row.stack_id).lease(row.id, hostId, data.epoch);
    return { ok: true, data: lease };
  }
  if (!movesBytes(row, data.lane)) return no('ticket_refused', 'That migration moves nothing any more.');
  const paths = new Map(row.saga.plan?.relay_paths.map(({ id, rtt_ms }) => [id, rtt_ms]));
  const connected = await loadedRelays(env);
  const relays = connected.map((one) => ({ ...one, rtt_ms: paths.get(one.id) ?? null }));
  const relay = await migrationsOf(env, row.stack_id).relayFor(row.id, relays, data.unreachable ?? []);
  if (!relay) return no('relay_unavailable', 'No relay is connected.');
  const isSource = row.source_host_id === hostId;
  const ticket = await fleetOf(env).ticket({
    relay_id: relay.id,
    migration_id: row.id,
    lane: data.lane,
    role: isSource ? 'source' : 'target',
    host_id: hostId,
    peer_id: isSource ? row.target_host_id : row.source_host_id,
  });
  const direct = isSource ? ((await findNode(env.DB, 'host', row.target_host_id))?.address ?? null) : null;
  const addresses = isSource ? (row.saga.results.prepare_target?.addresses ?? []) : [];
  const reply: AskReply<'ticket'> = { ticket, relay, bandwidth_limit: row.bandwidth_limit, direct, addresses };
  return { ok: true, data: reply };
}

/** The tunnel of forwarded connections is the only lane of a migration that has ended. */
function movesBytes({ status, saga }: MigrationRow, lane: string): boolean {
  if (lane === forwardLane) return takesConnections(saga.forwarding);
  return isStep(status);
}

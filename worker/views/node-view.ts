import type { z } from 'zod';
import type { Leftover } from '../../schema/agent-protocol.ts';
import type { hostView, nodeView, relayView } from '../../schema/api/nodes.ts';
import { limits } from '../../schema/limits.ts';
import { presenceOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import { type NodePresence, noPresence } from '../rpc.ts';
import type { NodeRow } from '../store/nodes.ts';
import { time, timeOrNull } from '../time.ts';

export type NodeView = z.infer<typeof hostView> | z.infer<typeof relayView>;

export async function viewNode(env: Env, row: NodeRow): Promise<NodeView> {
  return row.kind === 'host'
    ? viewHost(env, row)
    : { ...viewBase(row, await presenceOfRow(env, row)), ...relayPart(row) };
}

export async function viewHost(env: Env, row: NodeRow): Promise<z.infer<typeof hostView>> {
  const presence = await presenceOfRow(env, row);
  return { ...viewBase(row, presence), ...hostPart({ ...row, resources: presence.resources ?? row.resources }) };
}

/** For lists: by what is stored, so that no node's object is asked. */
export function viewListed(row: NodeRow, now: number): NodeView {
  const { connected, seen_at } = row;
  const presence = { ...noPresence, online: connected, seen_at: connected ? now : seen_at };
  return { ...viewBase(row, presence), ...(row.kind === 'host' ? hostPart(row) : relayPart(row)) };
}

const relayPart = ({ address }: NodeRow) => ({ address });

function hostPart({ resources, cordoned_at, program }: NodeRow) {
  return { resources, cordoned_at: timeOrNull(cordoned_at), program_sha256: program?.sha256 ?? null };
}

const presenceOfRow = async (env: Env, { id, joined_at }: NodeRow): Promise<NodePresence> =>
  joined_at === null ? noPresence : presenceOf(env, id);

/** What its object knows is newer than the row. */
export function viewBase(row: NodeRow, presence: NodePresence): z.infer<typeof nodeView> {
  const seen_at = presence.seen_at ?? row.seen_at;
  return {
    id: row.id,
    name: row.name,
    status: row.joined_at === null ? 'pending' : presence.online ? 'online' : 'offline',
    created_at: time(row.created_at),
    joined_at: timeOrNull(row.joined_at),
    seen_at: timeOrNull(seen_at),
    agent_version: row.agent_version,
    connected_from: row.connected_from,
    certificate_ends_at: timeOrNull(row.certificate_ends_at),
    warnings: warningsOf({ ...row, seen_at }, Date.now()),
  };
}

type Warning = z.infer<typeof nodeView>['warnings'][number];

function warningsOf(row: NodeRow, now: number): Warning[] {
  return [
    ...cloneWarning(row, now),
    ...upgradeWarning(row),
    ...(row.leftovers ?? []).map((leftover) => leftoverWarning(row, leftover)),
  ];
}

function leftoverWarning({ seen_at, created_at }: NodeRow, { project, migration_id }: Leftover): Warning {
  const message =
    `It holds a stopped copy of "${project}" that migration ${migration_id} left, from before this host was deleted and ` +
    'joined again. It is not listed as a stack. Once you no longer need it, remove it on the machine.';
  return { code: 'leftover', at: time(seen_at ?? created_at), message };
}

function upgradeWarning({ seen_at, created_at, program }: NodeRow): Warning[] {
  if (!program?.failed) return [];
  const message = `An upgrade of its agent was taken back: ${program.failed.why}. The agent before it runs. Its log on the host says more.`;
  return [{ code: 'upgrade_failed', at: time(seen_at ?? created_at), message }];
}

function cloneWarning({ cloned_at, kind }: NodeRow, now: number): Warning[] {
  if (cloned_at === null || now - cloned_at > limits.control.clonedWarnMs) return [];
  const message =
    `Two processes connected with this ${kind}'s certificate at the same time: one of them is a copy. ` +
    `If you copied the machine, end the ${kind === 'host' ? 'agent' : 'relay'} on the copy and let it join under a ` +
    `name of its own. If you did not, the key was stolen: delete the ${kind} and let it join again.`;
  return [{ code: 'certificate_cloned', at: time(cloned_at), message }];
}

import {
  type AgentMessage,
  agentMessage,
  type ControlMessage,
  type Outcome,
  type RelayLoad,
} from '../../../schema/agent-protocol.ts';
import type { ErrorCode } from '../../../schema/errors.ts';
import type { Resources } from '../../../schema/host-facts.ts';
import { limits } from '../../../schema/limits.ts';
import type { NodeKind } from '../../store/nodes.ts';

export const closeCodes = {
  /** The same node connected again. */
  replaced: 4001,
  /** Deleted: do not reconnect with this certificate. */
  revoked: 4003,
  /** Another live process holds this node's connection with the same certificate. */
  cloned: 4004,
  /** No common protocol version. */
  version: 4005,
  /** It sent a message that no release sends, or a resource of another host. */
  refused: 1008,
} as const;

/** Attached to the socket: survives hibernation, costs no write, and ends with the connection. At most 2,048 bytes. */
export interface Link {
  node: string;
  kind: NodeKind;
  name: string;
  /** Address of the client. */
  address: string;
  connected_at: number;
  /** Increases with each connection of this node: the highest is current. */
  order: number;
  /** It sent its hello and was welcomed. */
  greeted: boolean;
  /** Id of its process from the hello; empty before. */
  instance: string;
  /** As it last said. */
  resources: Resources | null;
  inventory: SeenInventory | null;
  /** As its host was told last. */
  return_spread_ms: number | null;
  /** Relays: as it last said. */
  load: RelayLoad | null;
}

/** The last inventory of a connection. */
export interface SeenInventory {
  reported_at: number;
  /** When it was compared with the database. */
  applied_at: number;
  /** SHA-256 (hex); empty if the same inventory is to be compared again, since a migration may change what it means. */
  digest: string;
}

export const linkOf = (socket: WebSocket): Link => socket.deserializeAttachment() as Link;

export function attach(socket: WebSocket, more: Partial<Link>): void {
  if (socket.readyState !== WebSocket.OPEN) return;
  socket.serializeAttachment({ ...linkOf(socket), ...more } satisfies Link);
}

export function send(socket: WebSocket, message: ControlMessage): void {
  try {
    socket.send(JSON.stringify(message));
  } catch {
    // The socket closed meanwhile: commands stay recorded and requests time out.
  }
}

export function close(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason);
  } catch {
    // Closed already.
  }
}

/** Open connections, newest first. Normally one that is welcomed, and at most one before its hello. */
export function openSockets(ctx: DurableObjectState): WebSocket[] {
  const open = ctx.getWebSockets().filter(({ readyState }) => readyState === WebSocket.OPEN);
  return open.sort((a, b) => linkOf(b).order - linkOf(a).order);
}

/** The node's open and welcomed connection, even if it is silent. */
export function holderSocket(ctx: DurableObjectState): WebSocket | null {
  return openSockets(ctx).find((socket) => linkOf(socket).greeted) ?? null;
}

/**
 * A half-open socket looks open forever; the time of the platform's last automatic pong shows whether it is alive
 * (F18).
 */
export function isAlive(ctx: DurableObjectState, socket: WebSocket, now: number): boolean {
  return linkOf(socket).greeted && now - pingedAt(ctx, socket) <= limits.control.hostSilenceMsMax;
}

/** Time of its last ping, or of its connection. */
export function pingedAt(ctx: DurableObjectState, socket: WebSocket): number {
  return Math.max(linkOf(socket).connected_at, ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0);
}

/** `unknown`: possibly a message of another release, so the connection is kept. */
export type Read =
  | { kind: 'message'; message: AgentMessage }
  | { kind: 'unknown'; type: string; why: string }
  | { kind: 'refused'; why: string };

export function readMessage(data: string | ArrayBuffer): Read {
  if (typeof data !== 'string') return { kind: 'refused', why: 'binary' };
  if (data.length > limits.control.messageBytesMax) return { kind: 'refused', why: 'too large' };
  const value = parseJson(data);
  const parsed = agentMessage.safeParse(value);
  if (parsed.success) return { kind: 'message', message: parsed.data };
  const [issue] = parsed.error.issues;
  const why = `${issue?.path.join('.')}: ${issue?.message}`;
  const { type, ...ids } = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  if (typeof type !== 'string' || type === 'hello') return { kind: 'refused', why };
  const message = answerUnread(type, ids, why);
  return message ? { kind: 'message', message } : { kind: 'unknown', type: type.slice(0, 64), why };
}

/** The caller waits for these: report a failure instead of letting it time out. */
function answerUnread(type: string, ids: Record<string, unknown>, why: string): AgentMessage | null {
  const outcome = no('command_failed', `The agent's answer can't be read (${why.slice(0, 200)}). Update the agent.`);
  const { command_id, request_id } = ids;
  if (type === 'result' && isId(command_id)) return { type, command_id, outcome };
  if (type === 'answer' && isId(request_id)) return { type, request_id, outcome };
  return null;
}

const isId = (value: unknown): value is string => typeof value === 'string' && value.length <= 64;

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

export function no(code: ErrorCode, message: string): Outcome & { ok: false } {
  return { ok: false, error: { code, message, log_tail: [] } };
}

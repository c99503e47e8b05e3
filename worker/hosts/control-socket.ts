import { type AgentMessage, agentMessage, type ControlMessage, type Outcome } from '../../schema/agent-protocol.ts';
import type { ErrorCode } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { NodeKind } from '../store/nodes.ts';

/** One agent's WebSocket, as its hibernating object sees it. */

export const closeCodes = {
  /** The same node connected anew. */
  replaced: 4001,
  /** Deleted: do not come back with this certificate. */
  revoked: 4003,
  /** Another living process holds this node's connection with the same certificate. */
  cloned: 4004,
  /** It speaks no version that is spoken here. */
  version: 4005,
  /** It sent what no release would, or what is not its own. */
  refused: 1008,
} as const;

/** Kept with the socket through hibernation. */
export interface Link {
  node: string;
  kind: NodeKind;
  name: string;
  /** Of the client. */
  address: string;
  connected_at: number;
  /** Rises with each connection of this node: the highest is the current one. */
  order: number;
  /** It said hello and was welcomed. */
  greeted: boolean;
  /** Of its process, as its hello named it; empty before. */
  instance: string;
}

export const linkOf = (socket: WebSocket): Link => socket.deserializeAttachment() as Link;

export function send(socket: WebSocket, message: ControlMessage): void {
  try {
    socket.send(JSON.stringify(message));
  } catch {
    // It closed meanwhile; commands stay owed and requests time out.
  }
}

export function close(socket: WebSocket, code: number, reason: string): void {
  try {
    socket.close(code, reason);
  } catch {
    // Closed already.
  }
}

/** Open connections, newest first; by right there is one welcomed, and at most one that still has to say hello. */
export function openSockets(ctx: DurableObjectState): WebSocket[] {
  const open = ctx.getWebSockets().filter(({ readyState }) => readyState === WebSocket.OPEN);
  return open.sort((a, b) => linkOf(b).order - linkOf(a).order);
}

/** The node's connection: open and welcomed, however silent. */
export function holderSocket(ctx: DurableObjectState): WebSocket | null {
  return openSockets(ctx).find((socket) => linkOf(socket).greeted) ?? null;
}

/** A half-open socket looks open for ever; the platform's last pong does not lie (F18). */
export function isAlive(ctx: DurableObjectState, socket: WebSocket, now: number): boolean {
  return linkOf(socket).greeted && now - pingedAt(ctx, socket) <= limits.control.hostSilenceMsMax;
}

/** Its last ping, or its beginning. */
export function pingedAt(ctx: DurableObjectState, socket: WebSocket): number {
  return Math.max(linkOf(socket).connected_at, ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0);
}

/** `unknown`: it may be what another release says, and is not worth the connection. */
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

/** Somebody waits for these: it failed, rather than never came. */
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

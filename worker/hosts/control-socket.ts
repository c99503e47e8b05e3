import { type AgentMessage, agentMessage, type ControlMessage } from '../../schema/agent-protocol.ts';
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
  /** It sent what the protocol does not know, or what is not its own. */
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

export type Read = { ok: true; message: AgentMessage } | { ok: false; why: string };

export function readMessage(data: string | ArrayBuffer): Read {
  if (typeof data !== 'string') return { ok: false, why: 'binary' };
  if (data.length > limits.control.messageBytesMax) return { ok: false, why: 'too large' };
  try {
    const parsed = agentMessage.safeParse(JSON.parse(data));
    if (parsed.success) return { ok: true, message: parsed.data };
    const [issue] = parsed.error.issues;
    return { ok: false, why: `${issue?.path.join('.')}: ${issue?.message}` };
  } catch {
    return { ok: false, why: 'not JSON' };
  }
}

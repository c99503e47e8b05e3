import { type AgentMessage, agentMessage, type ControlMessage } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { NodeKind } from '../store/nodes.ts';

/** One agent's WebSocket, as its hibernating object sees it. */

export const closeCodes = {
  /** The same node connected anew. */
  replaced: 4001,
  /** Deleted: do not come back with this certificate. */
  revoked: 4003,
  /** It sent what the protocol does not know, or what is not its own. */
  refused: 1008,
} as const;

/** Kept with the socket through hibernation. */
export interface Link {
  node: string;
  kind: NodeKind;
  connected_at: number;
  /** Rises with each connection of this node: the highest is the current one. */
  order: number;
  /** It said hello and was welcomed. */
  greeted: boolean;
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

/** The newest connection that is open, however silent. */
export function currentSocket(ctx: DurableObjectState): WebSocket | null {
  const open = ctx.getWebSockets().filter(({ readyState }) => readyState === WebSocket.OPEN);
  return open.reduce<WebSocket | null>(
    (newest, socket) => (newest && linkOf(newest).order > linkOf(socket).order ? newest : socket),
    null,
  );
}

/** A half-open socket looks open for ever; the platform's last pong does not lie (F18). */
export function isAlive(ctx: DurableObjectState, socket: WebSocket, now: number): boolean {
  const { connected_at, greeted } = linkOf(socket);
  const heardAt = Math.max(connected_at, ctx.getWebSocketAutoResponseTimestamp(socket)?.getTime() ?? 0);
  return greeted && now - heardAt <= limits.control.hostSilenceMsMax;
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

import { type AgentMessage, inventoryPiecesSince, type Outcome } from '../schema/agent-protocol.ts';
import { inventoryPieces } from './inventory-pieces.ts';

/** What one message becomes on the link. `tooLong`: its characters, if it cannot be sent as it is. */
export interface Encoded {
  texts: string[];
  tooLong: number | null;
}

/**
 * Encodes a message for a link that takes `charsMax`. A long inventory goes in pieces, if the link's version has them; a
 * long result or answer becomes a failure that says so; any other long message is dropped.
 */
export function encodeMessage(message: AgentMessage, charsMax: number, version: number): Encoded {
  const text = JSON.stringify(message);
  if (text.length <= charsMax) return { texts: [text], tooLong: null };
  if (message.type === 'inventory' && version >= inventoryPiecesSince)
    return { texts: inventoryPieces(message, charsMax).map((piece) => JSON.stringify(piece)), tooLong: null };
  const replaced = message.type === 'result' || message.type === 'answer';
  return { texts: replaced ? [JSON.stringify({ ...message, outcome: tooLong })] : [], tooLong: text.length };
}

/**
 * The answer to a command or request of a kind that this older agent does not know; null for any other message. Without
 * it the control plane would wait until its deadline.
 */
export function refuseUnknown(message: unknown): AgentMessage | null {
  const { id, type } = (typeof message === 'object' && message !== null ? message : {}) as Record<string, unknown>;
  if (typeof id !== 'string') return null;
  if (type === 'command') return { type: 'result', command_id: id, outcome: unknownKind };
  if (type === 'request') return { type: 'answer', request_id: id, outcome: unknownKind };
  return null;
}

const unknownKind: Outcome = {
  ok: false,
  error: {
    code: 'command_unknown',
    message: 'This agent does not know this command. Is it older than the control plane?',
    log_tail: [],
  },
};
const tooLong: Outcome = {
  ok: false,
  error: { code: 'internal', message: 'The answer is longer than the control link allows.', log_tail: [] },
};

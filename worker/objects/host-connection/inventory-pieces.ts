import type { AgentMessage } from '../../../schema/agent-protocol.ts';
import type { StackSummary } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import type { Inventory } from './inventory.ts';

type Message = Extract<AgentMessage, { type: 'inventory' }>;

/** Assembles an inventory from several messages. An incomplete one is replaced by the next. */
export class InventoryPieces {
  #id = '';
  #pieces = new Map<number, StackSummary[]>();

  /** Returns the complete inventory, or null while pieces are missing. */
  take({ stacks, leftovers = [], piece }: Message): Inventory | null {
    if (!piece) return { stacks, leftovers };
    const { id, index, count } = piece;
    if (count > limits.control.inventoryPiecesMax || index >= count) return null;
    if (id !== this.#id) {
      this.#id = id;
      this.#pieces = new Map();
    }
    this.#pieces.set(index, stacks);
    if (this.#pieces.size < count) return null;
    const whole = [...this.#pieces].toSorted(([a], [b]) => a - b).flatMap(([, some]) => some);
    this.#id = '';
    this.#pieces = new Map();
    return { stacks: whole, leftovers };
  }
}

import { randomUUID } from 'node:crypto';
import type { AgentMessage } from '../schema/agent-protocol.ts';
import type { StackSummary } from '../schema/facts.ts';
import { limits } from '../schema/limits.ts';

type Inventory = Extract<AgentMessage, { type: 'inventory' }>;

/** Splits an inventory too long for one message. A stack too long for its own message loses its details. */
export function inventoryPieces(inventory: Inventory, charsMax: number): Inventory[] {
  const room = charsMax - limits.control.inventoryPieceMargin;
  const groups: StackSummary[][] = [[]];
  let chars = 0;
  for (const stack of inventory.stacks) {
    const whole = JSON.stringify(stack).length;
    const fitting = whole > room ? bare(stack) : stack;
    const length = fitting === stack ? whole : JSON.stringify(fitting).length;
    if (chars + length > room && chars > 0) {
      groups.push([]);
      chars = 0;
    }
    groups.at(-1)?.push(fitting);
    chars += length + 1;
  }
  const id = randomUUID();
  return groups.map((stacks, index) => ({ ...inventory, stacks, piece: { id, index, count: groups.length } }));
}

const bare = (stack: StackSummary): StackSummary => ({
  ...stack,
  config_files: [],
  services: [],
  volumes: [],
  ports: [],
  bind_mounts: [],
});

import type { AgentMessage } from '../../../schema/agent-protocol.ts';
import type { Resources } from '../../../schema/host-facts.ts';
import { limits } from '../../../schema/limits.ts';
import { shortened } from '../../../schema/shortened.ts';
import type { Env } from '../../env.ts';
import { hexOf } from '../../hex.ts';
import { markLeftovers, markResources } from '../../store/nodes.ts';
import { attach, linkOf } from './control-socket.ts';
import { applyInventory, type Inventory } from './inventory.ts';
import { InventoryPieces } from './inventory-pieces.ts';
import { retellReturn } from './return-spread.ts';

type Message = Extract<AgentMessage, { type: 'inventory' }>;

/**
 * Takes the reports of a connected node. What the database has is not written again: an unchanged inventory is known by its
 * digest, and of resources only the first ones of a connection, and its last ones, are stored (C9).
 */
export class HostReports {
  readonly #env: Env;
  readonly #pieces = new InventoryPieces();
  #turn: Promise<unknown> = Promise.resolve();

  constructor(env: Env) {
    this.#env = env;
  }

  /** Returns false if the node was deleted. */
  async resources(socket: WebSocket, said: Resources): Promise<boolean> {
    const path = shortened(said.disk.path, limits.control.reportedPathCharsMax);
    const resources = { ...said, disk: { ...said.disk, path } };
    const { node, resources: before } = linkOf(socket);
    if (!before && !(await markResources(this.#env.DB, node, resources))) return false;
    attach(socket, { resources });
    return true;
  }

  /** One after another, so that the rows are those of the last one. Throws if it could not be applied. */
  inventory(socket: WebSocket, message: Message): Promise<void> {
    const inventory = this.#pieces.take(message);
    const done = this.#turn.then(() => (inventory ? this.#take(socket, inventory) : undefined));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  async #take(socket: WebSocket, inventory: Inventory): Promise<void> {
    const digest = await digestOf(inventory);
    const now = Date.now();
    const { node, inventory: last } = linkOf(socket);
    if (last?.digest === digest && now - last.applied_at < limits.control.inventoryReviewMs) {
      attach(socket, { inventory: { ...last, reported_at: now } });
      return;
    }
    const { leftovers, settled } = await applyInventory(this.#env, node, inventory, now);
    await markLeftovers(this.#env.DB, node, leftovers);
    await retellReturn(this.#env, socket);
    attach(socket, { inventory: { reported_at: now, applied_at: now, digest: settled ? digest : '' } });
  }
}

const digestOf = async (inventory: Inventory): Promise<string> =>
  hexOf(await crypto.subtle.digest('SHA-256', new TextEncoder().encode(JSON.stringify(inventory))));

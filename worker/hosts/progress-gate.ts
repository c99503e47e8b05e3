import type { ItemProgress } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import type { Env } from '../env.ts';
import { type CommandOwner, ownerOfCommand } from '../store/commands.ts';
import { migrationsOf } from './stubs.ts';

/**
 * Passes progress on to its migration, at a bounded rate, and only that of the host's own commands. Who owns a command
 * is remembered, so that D1 is asked once for each and not twice a second.
 */
export class ProgressGate {
  readonly #env: Env;
  readonly #commands = new Map<string, { owner: CommandOwner; passed_at: number }>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** `foreign` where the command is another host's. */
  async pass(hostId: string, commandId: string, items: ItemProgress[], now: number): Promise<'ok' | 'foreign'> {
    const known = this.#commands.get(commandId) ?? (await this.#remember(commandId));
    if (!known) return 'ok';
    if (known.owner.host_id !== hostId) return 'foreign';
    // Half the agents' interval: drops floods, not their rhythm.
    if (now - known.passed_at < limits.agent.progressIntervalMs / 2) return 'ok';
    known.passed_at = now;
    const { stack_id, migration_id } = known.owner;
    await migrationsOf(this.#env, stack_id).progress(migration_id, hostId, commandId, items);
    return 'ok';
  }

  /** It was answered. */
  forget(commandId: string): void {
    this.#commands.delete(commandId);
  }

  /** Null where nobody waits for the command any more. */
  async #remember(commandId: string) {
    const owner = await ownerOfCommand(this.#env.DB, commandId);
    if (!owner || owner.closed_at !== null) return null;
    if (this.#commands.size >= limits.control.progressCommandsMax) this.#commands.clear();
    const known = { owner, passed_at: 0 };
    this.#commands.set(commandId, known);
    return known;
  }
}

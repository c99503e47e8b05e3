import type { ItemProgress } from '../../../schema/agent-protocol.ts';
import { limits } from '../../../schema/limits.ts';
import { migrationsOf } from '../../durable-objects.ts';
import type { Env } from '../../env.ts';
import { type CommandOwner, ownerOfCommand } from '../../store/commands.ts';

/**
 * Forwards the progress of a host's own commands to their migrations, at a bounded rate. Caches the owner of each
 * command, so D1 is queried once per command instead of twice per second.
 */
export class ProgressForwarder {
  readonly #env: Env;
  readonly #commands = new Map<string, { owner: CommandOwner; passed_at: number }>();

  constructor(env: Env) {
    this.#env = env;
  }

  /** `foreign` if the command is another host's. */
  async pass(hostId: string, commandId: string, items: ItemProgress[], now: number): Promise<'ok' | 'foreign'> {
    const known = this.#commands.get(commandId) ?? (await this.#remember(commandId));
    if (!known) return 'ok';
    if (known.owner.host_id !== hostId) return 'foreign';
    // Half the agents' interval: drops floods, but not regular reports.
    if (now - known.passed_at < limits.agent.progressIntervalMs / 2) return 'ok';
    known.passed_at = now;
    const { stack_id, migration_id } = known.owner;
    await migrationsOf(this.#env, stack_id).progress(migration_id, hostId, commandId, items);
    return 'ok';
  }

  forget(commandId: string): void {
    this.#commands.delete(commandId);
  }

  /** Returns null if the command is no longer awaited. */
  async #remember(commandId: string) {
    const owner = await ownerOfCommand(this.#env.DB, commandId);
    if (!owner || owner.closed_at !== null) return null;
    if (this.#commands.size >= limits.control.progressCommandsMax) this.#commands.clear();
    const known = { owner, passed_at: 0 };
    this.#commands.set(commandId, known);
    return known;
  }
}

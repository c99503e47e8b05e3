import { limits } from '../../schema/limits.ts';
import type { Env } from '../env.ts';
import { log } from '../log.ts';
import { insertAudit } from '../store/audit.ts';
import { markCloned } from '../store/nodes.ts';
import { isAlive, linkOf, pingedAt, send } from './control-socket.ts';

/**
 * Notices that a certificate is used by two machines. A process dials again only once it takes its own connection for
 * dead, so a hello of *another* process while the first still lives means two processes: a copied machine, or a stolen
 * key. Which of them is the real host, nothing that they could both show will tell. Therefore:
 *
 *   - The one that holds the connection keeps it. If the newcomer won, a thief could take over from the real host, and
 *     break its running migration, whenever he liked.
 *   - It is not enough trusted to be given anything new: as long as the other one keeps coming, pre-flights of the host
 *     fail with `certificate_cloned`. So a thief who was first, while the real host was away, gains no stack either.
 *   - It is never silent: an audit entry, a log line, and a warning in the host's view that says what to do.
 *   - Nobody is locked out for good: each newcomer is judged anew, and takes the place of a holder that shows no life.
 *
 * A leftover of a host that lost its power looks open too, so life is what the holder shows *after* the newcomer came.
 */
export class CloneWatch {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  readonly #heardAt = new WeakMap<WebSocket, number>();
  /** When a process took the place of its own connection that was alive. */
  #takeovers: number[] = [];

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx;
    this.#env = env;
  }

  /** It said something. */
  heard(socket: WebSocket): void {
    this.#heardAt.set(socket, Date.now());
  }

  /** Whether `newcomer` is a second process beside a living `holder`. Takes at most `contestMsMax`. */
  async isSecond(holder: WebSocket, newcomer: WebSocket, instanceId: string): Promise<boolean> {
    if (linkOf(holder).instance === instanceId) {
      await this.#countTakeover(holder, newcomer);
      return false;
    }
    const { contestMsMax, contestPollMs } = limits.control;
    const since = Date.now();
    if (!isAlive(this.#ctx, holder, since)) return false;
    // A living one answers at once, or pings soon. Nobody waits for the answer itself.
    const question = { kind: 'command_status', payload: { command_id: 'contest' } } as const;
    send(holder, { type: 'request', id: crypto.randomUUID(), ...question });
    while (holder.readyState === WebSocket.OPEN && newcomer.readyState === WebSocket.OPEN) {
      if (this.#lifeAt(holder) > since) {
        await this.#note(newcomer);
        return true;
      }
      if (Date.now() - since > contestMsMax) return false;
      await new Promise((resolve) => setTimeout(resolve, contestPollMs));
    }
    return false;
  }

  /** Whether there was a second process lately. */
  async contested(): Promise<boolean> {
    const at = await this.#ctx.storage.get<number>('cloned_at');
    return at !== undefined && Date.now() - at < limits.control.clonedHoldMs;
  }

  #lifeAt(socket: WebSocket): number {
    return Math.max(pingedAt(this.#ctx, socket), this.#heardAt.get(socket) ?? 0);
  }

  /** One who knows the process's id (it is no secret) could take turns with it. */
  async #countTakeover(holder: WebSocket, newcomer: WebSocket): Promise<void> {
    const now = Date.now();
    if (!isAlive(this.#ctx, holder, now)) return;
    this.#takeovers = [...this.#takeovers.filter((at) => now - at < 60_000), now];
    if (this.#takeovers.length >= limits.control.takeoversPerMinuteMax) await this.#note(newcomer);
  }

  /** The copy dials every few seconds; one entry a minute tells it. */
  async #note(newcomer: WebSocket): Promise<void> {
    const now = Date.now();
    await this.#ctx.storage.put('cloned_at', now);
    const { node, kind, name, address } = linkOf(newcomer);
    await markCloned(this.#env.DB, node, now);
    const notedAt = await this.#ctx.storage.get<number>('cloned_noted_at');
    if (notedAt !== undefined && now - notedAt < limits.control.clonedNoteMs) return;
    await this.#ctx.storage.put('cloned_noted_at', now);
    log.warn('certificate_cloned', { node, name, address });
    await insertAudit(this.#env.DB, {
      at: now,
      request_id: crypto.randomUUID(),
      actor: { kind, id: node, name },
      act: 'certificate_cloned',
      objects: { [kind]: node },
      status: 409,
      code: 'certificate_cloned',
      address: address || null,
    });
  }
}

import { limits } from '../../../schema/limits.ts';
import type { Env } from '../../env.ts';
import { log } from '../../log.ts';
import { insertAudit } from '../../store/audit.ts';
import { markCloned } from '../../store/nodes.ts';
import { isAlive, linkOf, pingedAt, send } from './control-socket.ts';

/**
 * Detects that two machines use one certificate. A process reconnects only after it considers its own connection dead, so
 * a hello of *another* process while the first is alive means two processes: a copied machine, or a stolen key. Both hold
 * the same credentials, so the real host cannot be identified. Therefore:
 *
 *   - The current holder keeps the connection. Otherwise a thief could displace the real host, and break its running
 *     migration, at any time.
 *   - The holder gets nothing new: while the other process keeps connecting, pre-flights of the host fail with
 *     `certificate_cloned`. So a thief who connected first, while the real host was away, gains no stack.
 *   - It is reported: by an audit entry, a log line, and a warning in the host's view that says what to do.
 *   - Nobody is locked out permanently: each newcomer is examined again, and replaces a holder that shows no life.
 *
 * The socket of a host that lost power looks open too, so only signs of life *after* the newcomer connected count.
 */
export class DuplicateIdentityWatch {
  readonly #ctx: DurableObjectState;
  readonly #env: Env;
  /** Messages of each; no times, since an answer may come within the millisecond of its question. */
  readonly #heard = new WeakMap<WebSocket, number>();
  /** Times at which a process replaced its own live connection. */
  #takeovers: number[] = [];

  constructor(ctx: DurableObjectState, env: Env) {
    this.#ctx = ctx;
    this.#env = env;
  }

  heard(socket: WebSocket): void {
    this.#heard.set(socket, this.#messagesOf(socket) + 1);
  }

  /** True if `newcomer` is a second process beside a live `holder`. Takes at most `contestMsMax`. */
  async isSecond(holder: WebSocket, newcomer: WebSocket, instanceId: string): Promise<boolean> {
    if (linkOf(holder).instance === instanceId) {
      await this.#countTakeover(holder, newcomer);
      return false;
    }
    const { contestMsMax, contestPollMs } = limits.control;
    const since = Date.now();
    const before = this.#messagesOf(holder);
    if (!isAlive(this.#ctx, holder, since)) return false;
    // A live process answers at once, or pings soon. The answer itself is ignored.
    const question = { kind: 'command_status', payload: { command_id: 'contest' } } as const;
    send(holder, { type: 'request', id: crypto.randomUUID(), ...question });
    while (holder.readyState === WebSocket.OPEN && newcomer.readyState === WebSocket.OPEN) {
      if (this.#messagesOf(holder) > before || pingedAt(this.#ctx, holder) > since) {
        await this.#note(newcomer);
        return true;
      }
      if (Date.now() - since > contestMsMax) return false;
      await new Promise((resolve) => setTimeout(resolve, contestPollMs));
    }
    return false;
  }

  /** True if a second process was seen recently. */
  async contested(): Promise<boolean> {
    const at = await this.#ctx.storage.get<number>('cloned_at');
    return at !== undefined && Date.now() - at < limits.control.clonedHoldMs;
  }

  #messagesOf(socket: WebSocket): number {
    return this.#heard.get(socket) ?? 0;
  }

  /** A thief who knows the process's id (no secret) could alternate with the real process. */
  async #countTakeover(holder: WebSocket, newcomer: WebSocket): Promise<void> {
    const now = Date.now();
    if (!isAlive(this.#ctx, holder, now)) return;
    this.#takeovers = [...this.#takeovers.filter((at) => now - at < 60_000), now];
    if (this.#takeovers.length >= limits.control.takeoversPerMinuteMax) await this.#note(newcomer);
  }

  /** The copy reconnects every few seconds; one entry per `clonedNoteMs` is enough. */
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

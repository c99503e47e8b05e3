import { limits } from '../../../schema/limits.ts';

/** Limits the messages of each connection. In memory only, so a hibernated connection starts fresh. */
export class MessageRate {
  readonly #left = new WeakMap<WebSocket, { messages: number; at: number }>();

  /** Returns false if it sends more than any agent would. */
  admits(socket: WebSocket, now: number): boolean {
    const { messagesPerS, messagesBurst } = limits.control;
    const { messages, at } = this.#left.get(socket) ?? { messages: messagesBurst, at: now };
    const saved = Math.min(messagesBurst, messages + ((now - at) * messagesPerS) / 1000);
    this.#left.set(socket, { messages: saved - 1, at: now });
    return saved >= 1;
  }
}

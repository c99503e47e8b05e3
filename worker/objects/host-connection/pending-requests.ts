import { type Outcome, type RequestKind, requestKinds } from '../../../schema/agent-protocol.ts';
import { no } from './control-socket.ts';

interface Pending {
  kind: RequestKind;
  socket: WebSocket;
  settle: (outcome: Outcome) => void;
}

/**
 * Pending requests. In memory only: the caller waits in the same wake, and requests can be repeated.
 */
export class PendingRequests {
  readonly #pending = new Map<string, Pending>();

  /** Always resolves: by the answer, by `fail`, or with `command_timeout`. */
  wait(id: string, kind: RequestKind, socket: WebSocket, timeoutMs: number): Promise<Outcome> {
    return new Promise((resolve) => {
      const timer = setTimeout(
        () => settle(no('command_timeout', `The host did not answer "${kind}" in time.`)),
        timeoutMs,
      );
      const settle = (outcome: Outcome) => {
        clearTimeout(timer);
        this.#pending.delete(id);
        resolve(outcome);
      };
      this.#pending.set(id, { kind, socket, settle });
    });
  }

  /** Drops an answer that is no longer awaited. An answer that does not match `requestKinds` is a failure. */
  answer(id: string, outcome: Outcome): void {
    const pending = this.#pending.get(id);
    if (!pending) return;
    if (!outcome.ok) {
      pending.settle(outcome);
      return;
    }
    const read = requestKinds[pending.kind].answer.safeParse(outcome.data);
    const unreadable = `The answer to "${pending.kind}" can't be read; are agent and control plane of one version?`;
    pending.settle(read.success ? { ok: true, data: read.data } : no('command_failed', unreadable));
  }

  /** Fails the requests of a lost connection. */
  fail(socket: WebSocket): void {
    for (const pending of [...this.#pending.values()])
      if (pending.socket === socket) pending.settle(no('host_offline', 'The host lost its connection.'));
  }
}

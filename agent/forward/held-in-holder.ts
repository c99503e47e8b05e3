import type { HeldForwarding } from './connection-holder.ts';
import type { ConnectOn } from './holder.ts';
import { trafficData, type UnsentAct } from './holder-protocol.ts';
import type { HolderSession } from './holder-session.ts';
import { keepWay } from './way.ts';

/** One forwarding in the holder, through the session in which it was opened. */
export class HeldInHolder implements HeldForwarding {
  readonly redirects: HeldForwarding['redirects'];
  readonly #session: HolderSession;
  readonly #migrationId: string;
  readonly #over = new AbortController();
  #connect: ConnectOn | null = null;

  constructor(session: HolderSession, migrationId: string, redirects: HeldForwarding['redirects']) {
    this.#session = session;
    this.#migrationId = migrationId;
    this.redirects = redirects;
  }

  async hold(until_ms: number): Promise<void> {
    await this.#ask({ type: 'hold', migration_id: this.#migrationId, until_ms });
  }

  async forward(connect: ConnectOn): Promise<void> {
    const isFirst = this.#connect === null;
    this.#connect = connect;
    await this.#ask({ type: 'forward', migration_id: this.#migrationId });
    if (isFirst) this.#offer();
  }

  async traffic() {
    return trafficData.parse(await this.#ask({ type: 'traffic', migration_id: this.#migrationId }));
  }

  /** Offers the holder no way on any more. */
  leave(): void {
    this.#over.abort();
  }

  #ask(act: UnsentAct): Promise<unknown> {
    return this.#session.ask(act);
  }

  #offer(): void {
    const link = {
      dial: () => this.#session.openWay(this.#migrationId),
      onInterrupted: () => {},
      signal: AbortSignal.any([this.#over.signal, this.#session.over]),
    };
    const connect: ConnectOn = (connection, signal) => {
      if (!this.#connect) throw new Error('unreachable');
      return this.#connect(connection, signal);
    };
    keepWay(link, connect).catch(() => {});
  }
}

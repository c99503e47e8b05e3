import type { Log } from '../../node/log.ts';
import { sleep } from '../../node/sleep.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { ConnectionHolder, HeldForwarding, OpenHeld } from './connection-holder.ts';
import type { ConnectOn } from './holder.ts';
import { holderVersion, openedData, trafficData, type UnsentAct } from './holder-protocol.ts';
import { type HolderSession, OtherVersion, openHolderSession } from './holder-session.ts';
import type { StartHolder } from './holder-start.ts';
import { keepWay } from './way.ts';

export interface HolderClientOptions {
  stateDir: string;
  start: StartHolder;
  log: Log;
  version?: number;
}

/** The agent's view of the holder of its host. It is started when there is first something to take. */
export const createHolderClient = (options: HolderClientOptions): ConnectionHolder => new HolderClient(options);

class HolderClient implements ConnectionHolder {
  readonly #options: HolderClientOptions;
  #session: HolderSession | null = null;
  /** Under way, so that two acts start no two holders, and make no two connections that replace each other. */
  #connecting: Promise<HolderSession> | null = null;
  #attaching: Promise<HolderSession> | null = null;
  #onLost = () => {};
  #isClosed = false;

  constructor(options: HolderClientOptions) {
    this.#options = options;
  }

  onLost(listener: () => void): void {
    this.#onLost = listener;
  }

  async open(options: OpenHeld): Promise<HeldForwarding> {
    const { migrationId: migration_id, ports, earlier } = options;
    for (let tries = 1; ; tries += 1) {
      const session = await this.#connect();
      try {
        const data = await session.ask({ type: 'open', migration_id, ports, earlier });
        return new Held(session, migration_id, openedData.parse(data).redirects);
      } catch (error) {
        // It ended since it had nothing to do, at that moment.
        if (!session.over.aborted || tries >= limits.forward.holderTriesMax) throw error;
      }
    }
  }

  async endUnclaimed(): Promise<void> {
    // None runs: nothing is left of an earlier agent but rules.
    const session = this.#session ?? (await this.#attach().catch(() => null));
    await session?.ask({ type: 'end_unclaimed' });
  }

  close(): void {
    this.#isClosed = true;
    this.#session?.close();
    this.#session = null;
  }

  #connect(): Promise<HolderSession> {
    if (this.#session) return Promise.resolve(this.#session);
    this.#connecting ??= this.#connectOrStart().finally(() => {
      this.#connecting = null;
    });
    return this.#connecting;
  }

  async #connectOrStart(): Promise<HolderSession> {
    const { start, log } = this.#options;
    const { holderStartMsMax, holderTriesMax } = limits.forward;
    const giveUp = performance.now() + holderStartMsMax;
    let startAt = 0;
    for (;;) {
      try {
        return await this.#attach();
      } catch (error) {
        if (this.#isClosed) throw new StackferryError('cancelled', 'The agent is stopping.');
        if (error instanceof OtherVersion) log.warn('the connection holder of another release has ended', { error });
        else if (isNobody(error) && performance.now() >= startAt) {
          startAt = performance.now() + holderStartMsMax / holderTriesMax;
          await start();
        }
        if (performance.now() > giveUp)
          throw new StackferryError('command_failed', 'The connection holder does not start on this host.', {
            cause: error,
          });
      }
      await sleep(limits.forward.holderStartPollMs);
    }
  }

  #attach(): Promise<HolderSession> {
    this.#attaching ??= this.#attachOnce().finally(() => {
      this.#attaching = null;
    });
    return this.#attaching;
  }

  async #attachOnce(): Promise<HolderSession> {
    const { stateDir, log, version } = this.#options;
    const onOver = (isReplaced: boolean) => {
      this.#session = null;
      if (this.#isClosed) return;
      if (isReplaced) return log.warn('another agent of this host has taken over its connections');
      log.warn('the connection holder is gone');
      this.#onLost();
    };
    const session = await openHolderSession(stateDir, onOver, version ?? holderVersion);
    if (this.#isClosed) session.close();
    else this.#session = session;
    return session;
  }
}

const isNobody = (error: unknown) => ['ENOENT', 'ECONNREFUSED'].includes(`${(error as NodeJS.ErrnoException).code}`);

/** One forwarding in the holder, through the session in which it was opened. */
class Held implements HeldForwarding {
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

  async release(): Promise<void> {
    await this.#ask({ type: 'release', migration_id: this.#migrationId });
    this.#over.abort();
  }

  async end(): Promise<void> {
    await this.#ask({ type: 'end', migration_id: this.#migrationId });
    this.#over.abort();
  }

  async traffic() {
    return trafficData.parse(await this.#ask({ type: 'traffic', migration_id: this.#migrationId }));
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

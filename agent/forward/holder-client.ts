import type { Log } from '../../node/log.ts';
import { sleep } from '../../node/sleep.ts';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import type { ConnectionHolder, HeldForwarding, OpenHeld } from './connection-holder.ts';
import { HeldInHolder } from './held-in-holder.ts';
import { holderVersion, openedData } from './holder-protocol.ts';
import { type HolderSession, OtherVersion, openHolderSession } from './holder-session.ts';
import type { StartHolder } from './holder-start.ts';
import type { Redirect } from './published-port.ts';

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
  readonly #held = new Map<string, HeldInHolder>();
  #onLost = () => {};
  /** By another agent of this host. */
  #isReplaced = false;
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
        return this.#heldIn(session, migration_id, openedData.parse(data).redirects);
      } catch (error) {
        // It ended since it had nothing to do, at that moment.
        if (!session.over.aborted || tries >= limits.forward.holderTriesMax) throw error;
      }
    }
  }

  release(migrationId: string): Promise<void> {
    return this.#finish('release', migrationId);
  }

  end(migrationId: string): Promise<void> {
    return this.#finish('end', migrationId);
  }

  async endUnclaimed(): Promise<void> {
    const session = await this.#running().catch(() => null);
    await session?.ask({ type: 'end_unclaimed' });
  }

  close(): void {
    this.#isClosed = true;
    this.#session?.close();
    this.#session = null;
  }

  #heldIn(session: HolderSession, migrationId: string, redirects: Redirect[]): HeldForwarding {
    this.#held.get(migrationId)?.leave();
    const held = new HeldInHolder(session, migrationId, redirects);
    this.#held.set(migrationId, held);
    return held;
  }

  /** A connection that breaks may have lost the act, or only its answer: the act is repeated on the next one. */
  async #finish(type: 'release' | 'end', migration_id: string): Promise<void> {
    const { holderStartMsMax, holderStartPollMs } = limits.forward;
    const giveUp = performance.now() + holderStartMsMax;
    for (let tries = 1; ; tries += 1) {
      let session: HolderSession | null = null;
      try {
        session = await this.#running();
        await session?.ask({ type, migration_id });
        break;
      } catch (error) {
        const isAnswered = session !== null && !session.over.aborted;
        if (isAnswered || this.#isReplaced || this.#isClosed || performance.now() > giveUp) throw error;
      }
      await sleep(holderStartPollMs * tries);
    }
    this.#held.get(migration_id)?.leave();
    this.#held.delete(migration_id);
  }

  /** Null if none runs: nothing is left of it but rules. Throws if one runs that can't be asked now. */
  async #running(): Promise<HolderSession | null> {
    if (this.#session) return this.#session;
    if (this.#isReplaced)
      throw new StackferryError('command_failed', 'Another agent of this host has taken over its connections.');
    return await this.#attach().catch((error) => {
      if (isNobody(error) || error instanceof OtherVersion) return null;
      throw error;
    });
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
      this.#isReplaced = isReplaced;
      if (this.#isClosed) return;
      if (isReplaced) return log.warn('another agent of this host has taken over its connections');
      log.warn('the connection holder is gone');
      this.#onLost();
    };
    const session = await openHolderSession(stateDir, onOver, version ?? holderVersion);
    this.#isReplaced = false;
    if (this.#isClosed) session.close();
    else this.#session = session;
    return session;
  }
}

const isNobody = (error: unknown) => ['ENOENT', 'ECONNREFUSED'].includes(`${(error as NodeJS.ErrnoException).code}`);

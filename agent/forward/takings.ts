import type net from 'node:net';
import type { Log } from '../../node/log.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { ForwardedPort, TrafficReport } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { createTurns } from '../turns.ts';
import type { Forwarding, ForwardingOptions } from './forwarding.ts';
import { createOffers, type Offers } from './offers.ts';
import type { Redirect } from './published-port.ts';
import type { TunnelSource } from './tunnel-source.ts';
import { openWay } from './way.ts';

/** Opens listeners and rules of this host. */
export type OpenForwarding = (
  options: Pick<ForwardingOptions, 'migrationId' | 'ports' | 'log' | 'earlier'>,
) => Promise<Forwarding>;

interface Taking {
  forwarding: Forwarding;
  offers: Offers;
  /** Opened with the first `forward`. */
  way: TunnelSource | null;
  over: AbortController;
  /** When it ends by itself, by this host's clock; null until its rules are asked for. */
  until_ms: number | null;
  /** The agent of now has asked for it. */
  isClaimed: boolean;
}

/** The holder's forwardings, by migration. Acts on one migration are serialized. */
export class Takings {
  readonly #open: OpenForwarding;
  readonly #log: Log;
  readonly #taken = new Map<string, Taking>();
  /** Released ones, whose clients are still connected to the stack on this host. */
  readonly #released = new Set<Forwarding>();
  readonly #turns = createTurns();

  constructor(open: OpenForwarding, log: Log) {
    this.#open = open;
    this.#log = log;
  }

  open(migrationId: string, ports: ForwardedPort[], earlier: Redirect[]): Promise<Redirect[]> {
    return this.#turns.run(migrationId, async () => {
      const log = this.#log.of(migrationId);
      const taking = this.#taken.get(migrationId) ?? {
        ...{ forwarding: await this.#open({ migrationId, ports, earlier, log }), offers: createOffers() },
        ...{ way: null, over: new AbortController(), until_ms: null, isClaimed: true },
      };
      taking.isClaimed = true;
      this.#taken.set(migrationId, taking);
      return taking.forwarding.redirects;
    });
  }

  hold(migrationId: string, until_ms: number): Promise<void> {
    return this.#turns.run(migrationId, async () => {
      const taking = this.#find(migrationId);
      taking.until_ms = until_ms;
      await taking.forwarding.hold();
    });
  }

  forward(migrationId: string): Promise<void> {
    return this.#turns.run(migrationId, async () => {
      const taking = this.#find(migrationId);
      if (!taking.way) {
        const { offers, over } = taking;
        taking.way = openWay({ dial: offers.dial, onInterrupted: () => {}, signal: over.signal });
        taking.way.ended.catch((error) => this.#log.of(migrationId).error('there is no way on any more', { error }));
      }
      taking.forwarding.forward(taking.way.connect);
    });
  }

  release(migrationId: string): Promise<void> {
    return this.#turns.run(migrationId, async () => {
      const taking = this.#taken.get(migrationId);
      if (!taking) return;
      await taking.forwarding.release();
      this.#released.add(taking.forwarding);
      this.#forget(migrationId, taking);
    });
  }

  end(migrationId: string, drainMsMax?: number): Promise<void> {
    return this.#turns.run(migrationId, async () => {
      const taking = this.#taken.get(migrationId);
      if (!taking) return;
      await taking.forwarding.end(drainMsMax);
      this.#forget(migrationId, taking);
    });
  }

  traffic(migrationId: string): TrafficReport {
    return this.#find(migrationId).forwarding.traffic();
  }

  /** A way to the agent of now. */
  offer(migrationId: string, socket: net.Socket): void {
    const taking = this.#taken.get(migrationId);
    if (taking) taking.offers.offer(socket);
    else socket.destroy();
  }

  /** The agent is gone, or another one has come: its ways are broken, and what is forwarded waits. */
  disown(): void {
    for (const taking of this.#taken.values()) {
      taking.isClaimed = false;
      taking.offers.cut();
    }
  }

  async endUnclaimed(): Promise<void> {
    await this.#endEach((taking) => !taking.isClaimed);
  }

  /** Ends what is due. Never throws: what could not be ended is due again. */
  async endDue(now: number): Promise<void> {
    await this.#endEach(({ until_ms }) => until_ms !== null && now >= until_ms);
  }

  /**
   * Puts back rules that somebody drops: a reload of the host's firewall, a restart of Docker. One look after the other,
   * however long the firewall's programs take. Returns what ends that.
   */
  keepRules(everyMs: number): () => void {
    let isOver = false;
    const timer = setTimeout(async () => {
      await this.#mend();
      if (!isOver) timer.refresh();
    }, everyMs);
    return () => {
      isOver = true;
      clearTimeout(timer);
    };
  }

  /** Never throws. Side by side: one may be about to end for seconds. */
  async #mend(): Promise<void> {
    await Promise.all([...this.#taken.keys()].map((migrationId) => this.#mendOne(migrationId)));
  }

  async #mendOne(migrationId: string): Promise<void> {
    const log = this.#log.of(migrationId);
    try {
      const mend = async () => await this.#taken.get(migrationId)?.forwarding.mend();
      const stood = await this.#turns.run(migrationId, mend);
      if (stood === false) log.warn('the rules of the firewall were gone, and are back');
    } catch (error) {
      log.error('the rules of the firewall are not as they should be', { error });
    }
  }

  /** Removes all rules. Of what is passed on, only connections to the stack on this host stay. Never throws. */
  async endAll(): Promise<void> {
    await this.#turns.settled();
    for (let tries = 0; this.#taken.size > 0 && tries < limits.forward.rulesTriesMax; tries += 1)
      await this.#endEach(() => true, 0);
  }

  /** Whether anything is taken, or about to be. */
  isIdle(): boolean {
    for (const forwarding of this.#released)
      if (forwarding.counts().spliced === 0 && forwarding.counts().held === 0) this.#released.delete(forwarding);
    return this.#taken.size === 0 && this.#released.size === 0 && !this.#turns.busy();
  }

  async #endEach(isDue: (taking: Taking) => boolean, drainMsMax?: number): Promise<void> {
    const due = [...this.#taken].filter(([, taking]) => isDue(taking)).map(([migrationId]) => migrationId);
    const failed = (migrationId: string) => (error: unknown) =>
      this.#log.of(migrationId).error('rules of the firewall may be left', { error });
    await Promise.all(due.map((migrationId) => this.end(migrationId, drainMsMax).catch(failed(migrationId))));
  }

  #find(migrationId: string): Taking {
    const taking = this.#taken.get(migrationId);
    if (taking) return taking;
    throw new StackferryError('not_forwarding', 'The holder has no connections of this migration.');
  }

  #forget(migrationId: string, { over, offers }: Taking): void {
    this.#taken.delete(migrationId);
    over.abort();
    offers.cut();
  }
}

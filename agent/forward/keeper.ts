import { isDeepStrictEqual } from 'node:util';
import type { Log } from '../../node/log.ts';
import { sleep } from '../../node/sleep.ts';
import { StackferryError } from '../../schema/errors.ts';
import { type ForwardedPort, forwardLane, type TrafficReport } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import type { ForwardingRecord, LedgerEntry, MigrationLedger } from '../migration-ledger.ts';
import type { Dialer } from '../transfer/reconnect.ts';
import { createTurns } from '../turns.ts';
import type { ConnectionHolder, HeldForwarding } from './connection-holder.ts';
import { actAt, type Expiry } from './expiry.ts';
import { sweepRules } from './firewall.ts';
import type { ForwardKeeper, ForwardWay, Migration } from './forward-keeper.ts';
import type { ConnectOn } from './holder.ts';
import { livesHere } from './lives-here.ts';
import { checkedPorts, portName } from './published-port.ts';
import { createReceiver, type Receiver, type ReceiveWay } from './receiver.ts';
import { ruleName } from './rules.ts';
import { openTunnelSource } from './tunnel-source.ts';
import { keepTunnelTarget } from './tunnel-target.ts';

export interface KeeperOptions {
  ledger: MigrationLedger;
  dialer: Dialer;
  log: Log;
  holder: ConnectionHolder;
  /** Removes the rules of all names but these. */
  sweep?: (stays: (name: string) => boolean) => Promise<unknown>;
  /** The ends of the way between the hosts. */
  openSource?: typeof openTunnelSource;
  keepTarget?: typeof keepTunnelTarget;
  now?: () => number;
}

export function createForwardKeeper(options: KeeperOptions): ForwardKeeper {
  return new Keeper(options);
}

interface Taken {
  forwarding: HeldForwarding;
  tunnel: AbortController;
  expiry: Expiry;
}

class Keeper implements ForwardKeeper {
  readonly #options: Required<KeeperOptions>;
  readonly #taken = new Map<string, Taken>();
  readonly #receiver: Receiver;
  readonly #turns = createTurns();
  #closed = false;

  constructor(options: KeeperOptions) {
    const ways = { openSource: openTunnelSource, keepTarget: keepTunnelTarget };
    this.#options = { sweep: sweepRules, ...ways, now: Date.now, ...options };
    const onOver = (migrationId: string) => void this.endReceiving(migrationId).catch(() => {});
    const isHere = (migrationId: string) => livesHere(migrationId, options.ledger);
    this.#receiver = createReceiver({ ...this.#options, onOver, isHere });
    this.#options.holder.onLost(() => this.#takeUpLost());
  }

  async hold(of: Migration, given: ForwardedPort[]): Promise<void> {
    const ports = checkedPorts(given);
    const until_ms = this.#options.now() + limits.forward.holdingMsMax;
    await this.#turns.run(of.migrationId, () => this.#takeUp(of, { ports, listeners: [], until_ms, to: null }));
  }

  async forward(of: Migration, { peer, ports: given, until_ms, proxied }: ForwardWay): Promise<void> {
    const ports = checkedPorts(given);
    const to = { peer, proxied };
    await this.#turns.run(of.migrationId, () => this.#takeUp(of, { ports, listeners: [], until_ms, to }));
  }

  release(migrationId: string): Promise<void> {
    return this.#turns.run(migrationId, async () => {
      await this.#taken.get(migrationId)?.forwarding.release();
      await this.#forget(migrationId);
    });
  }

  end(migrationId: string): Promise<void> {
    return this.#turns.run(migrationId, async () => {
      await this.#taken.get(migrationId)?.forwarding.end();
      await this.#forget(migrationId);
    });
  }

  async receive(of: Migration, given: ReceiveWay): Promise<void> {
    const way = { ...given, ports: checkedPorts(given.ports) };
    await this.#turns.run(of.migrationId, async () => {
      await this.#options.ledger.amend(of.migrationId, (entry) => {
        entry.receiving = way;
      });
      this.#receiver.start(of.migrationId, way);
    });
  }

  endReceiving(migrationId: string): Promise<void> {
    return this.#turns.run(migrationId, async () => {
      this.#receiver.stop(migrationId);
      await this.#options.ledger.amend(migrationId, (entry) => {
        entry.receiving = null;
      });
    });
  }

  async traffic(migrationId: string): Promise<TrafficReport | null> {
    return (await this.#taken.get(migrationId)?.forwarding.traffic()) ?? null;
  }

  async resume(): Promise<void> {
    await Promise.all(this.#options.ledger.all().map((entry) => this.#resumeOne(entry)));
    await this.#options.holder
      .endUnclaimed()
      .catch((error) => this.#options.log.error('the connection holder does not answer', { error }));
    await this.#sweep();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await this.#turns.settled();
    this.#receiver.stopAll();
    // First, so that the holder sees no way that refuses, but one that is gone.
    this.#options.holder.close();
    for (const migrationId of [...this.#taken.keys()]) this.#letGo(migrationId);
  }

  async #resumeOne({ migration_id: migrationId, project, forwarding, receiving }: LedgerEntry): Promise<void> {
    const { log, now } = this.#options;
    const of = { migrationId, project };
    const isDue = (until_ms: number) => now() >= until_ms;
    try {
      if (receiving) await (isDue(receiving.until_ms) ? this.endReceiving(migrationId) : this.receive(of, receiving));
      if (!forwarding) return;
      if (isDue(forwarding.until_ms)) await this.end(migrationId);
      else await this.#turns.run(migrationId, () => this.#takeUpAgain(of, forwarding));
    } catch (error) {
      log.of(migrationId).error('connections could not be taken up again', { error });
    }
  }

  /** The holder died: its rules lead to listeners that are closed, until another one opens them. */
  #takeUpLost(): void {
    for (const [migrationId, taken] of [...this.#taken]) {
      const again = async () => {
        const entry = this.#options.ledger.find(migrationId);
        if (this.#closed || this.#taken.get(migrationId) !== taken || !entry?.forwarding) return;
        this.#letGo(migrationId);
        await this.#takeUpAgain({ migrationId, project: entry.project }, entry.forwarding);
      };
      const { log } = this.#options;
      const failed = (error: unknown) =>
        log.of(migrationId).error('connections could not be taken up again', { error });
      this.#turns.run(migrationId, again).catch(failed);
    }
  }

  /** Nobody repeats this one, as the control plane repeats its commands. */
  async #takeUpAgain(of: Migration, recorded: ForwardingRecord): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      try {
        return await this.#takeUp(of, recorded);
      } catch (error) {
        if (this.#closed) throw error;
        if (tries >= limits.forward.holderTriesMax) {
          await this.#forget(of.migrationId).catch(() => {});
          throw error;
        }
        this.#options.log.of(of.migrationId).warn('connections could not be taken up yet', { error });
      }
      await sleep(limits.forward.reconnectDelayMsMax);
    }
  }

  /** In this order: record, rules that hold, the way on. */
  async #takeUp(of: Migration, wanted: ForwardingRecord): Promise<void> {
    const { ledger, log, holder, now } = this.#options;
    const { migrationId, project } = of;
    if (this.#closed) throw new StackferryError('cancelled', 'The agent is stopping.');
    const recorded = ledger.find(migrationId)?.forwarding;
    const earlier = recorded?.listeners ?? wanted.listeners;
    const logged = log.of(migrationId);
    const before = this.#taken.get(migrationId);
    // What is passed on already is not cut.
    if (before && wanted.to && recorded && isSame(recorded, wanted)) return;
    const forwarding =
      before?.forwarding ?? (await holder.open({ migrationId, ports: wanted.ports, log: logged, earlier }));
    const tunnel = new AbortController();
    const expire = () => void this.end(migrationId).catch((error) => logged.error('forwarding did not end', { error }));
    before?.expiry.cancel();
    const expiry = actAt(wanted.until_ms, expire, now);
    const taken: Taken = { forwarding, tunnel: wanted.to ? tunnel : (before?.tunnel ?? tunnel), expiry };
    this.#taken.set(migrationId, taken);
    try {
      const key = { migration_id: migrationId, project, role: 'source' } as const;
      await ledger.update(key, (entry) => {
        entry.forwarding = { ...wanted, listeners: forwarding.redirects };
      });
      await forwarding.hold(wanted.until_ms);
      if (!wanted.to) return;
      before?.tunnel.abort();
      await forwarding.forward(this.#wayOn(migrationId, wanted.ports, wanted.to, tunnel.signal));
    } catch (error) {
      before?.tunnel.abort();
      await this.#drop(migrationId);
      await this.#forget(migrationId).catch(() => {});
      throw error;
    }
  }

  #wayOn(
    migrationId: string,
    ports: ForwardedPort[],
    { peer, proxied }: NonNullable<ForwardingRecord['to']>,
    signal: AbortSignal,
  ): ConnectOn {
    const log = this.#options.log.of(migrationId);
    const dial = this.#options.dialer('source', { migrationId, peer, lane: forwardLane });
    const onInterrupted = (error: unknown) => log.warn('the way to the target is interrupted', { error });
    const names = ports.filter(({ port }) => proxied.includes(port)).map(portName);
    const source = this.#options.openSource({ dial, onInterrupted, signal }, new Set(names));
    source.ended.catch((error) => {
      // Held again, they are about to be released to the stack here.
      if (!this.#options.ledger.find(migrationId)?.forwarding?.to) return;
      log.warn('connections are not forwarded any more', { error });
      void this.end(migrationId).catch(() => {});
    });
    return source.connect;
  }

  #letGo(migrationId: string): Taken | undefined {
    const taken = this.#taken.get(migrationId);
    this.#taken.delete(migrationId);
    taken?.expiry.cancel();
    taken?.tunnel.abort();
    return taken;
  }

  async #drop(migrationId: string): Promise<void> {
    const taken = this.#letGo(migrationId);
    await taken?.forwarding
      .end()
      .catch((error) => this.#options.log.of(migrationId).error('rules of the firewall may be left', { error }));
  }

  /** Rules of an earlier agent are removed as well. */
  async #forget(migrationId: string): Promise<void> {
    this.#letGo(migrationId);
    await this.#options.ledger.amend(migrationId, (entry) => {
      entry.forwarding = null;
    });
    await this.#sweep();
  }

  /** The ledger is read when it is the turn of a name: another migration may have begun to hold since. */
  async #sweep(): Promise<void> {
    const { ledger, sweep } = this.#options;
    await sweep((name) => ledger.all().some((entry) => entry.forwarding && ruleName(entry.migration_id) === name));
  }
}

const isSame = (one: ForwardingRecord, other: ForwardingRecord): boolean =>
  isDeepStrictEqual({ ...one, listeners: [] }, { ...other, listeners: [] });

import type { Log } from '../../node/log.ts';
import { StackferryError } from '../../schema/errors.ts';
import { type ForwardedPort, forwardLane, type TrafficReport } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import type { ForwardingRecord, LedgerEntry, MigrationLedger } from '../migration-ledger.ts';
import type { Dialer } from '../transfer/reconnect.ts';
import { sleepingAt } from './expiry.ts';
import { chooseFirewall, hostFamilies, sweepRules } from './firewall.ts';
import { type Forwarding, type ForwardingOptions, openForwarding } from './forwarding.ts';
import { portName } from './published-port.ts';
import { createReceiver, type Receiver, type ReceiveWay } from './receiver.ts';
import { ruleName } from './rules.ts';
import { openTunnelSource } from './tunnel-source.ts';
import { keepTunnelTarget } from './tunnel-target.ts';

/**
 * The connections that this host takes in place of a stack that has left it, or receives for a stack that came. Each act is
 * recorded before it is done, may be repeated, and outlives a restart of the agent. One that fails leaves no rule.
 */
export interface ForwardKeeper {
  /** New connections wait, until they are forwarded or released. */
  hold(of: Migration, ports: ForwardedPort[]): Promise<void>;
  forward(of: Migration, way: ForwardWay): Promise<void>;
  /** The stack runs here again. */
  release(migrationId: string): Promise<void>;
  end(migrationId: string): Promise<void>;
  receive(of: Migration, way: ReceiveWay): Promise<void>;
  endReceiving(migrationId: string): Promise<void>;
  /** Null if this host takes no connections for the migration. */
  traffic(migrationId: string): TrafficReport | null;
  /** Takes up what an earlier agent left, and removes rules that no record explains. Never throws. */
  resume(): Promise<void>;
  /** Removes all rules; the next agent takes them up again. */
  close(): Promise<void>;
}

interface Migration {
  migrationId: string;
  project: string;
}
export interface ForwardWay extends ReceiveWay {
  /** Ports whose app is sent a header of the PROXY protocol. */
  proxied: number[];
}

export interface KeeperOptions {
  ledger: MigrationLedger;
  dialer: Dialer;
  log: Log;
  /** Opens listeners and rules. */
  open?: (options: Pick<ForwardingOptions, 'migrationId' | 'ports' | 'log' | 'earlier'>) => Promise<Forwarding>;
  /** Removes the rules of all names but these. */
  sweep?: (stays: ReadonlySet<string>) => Promise<unknown>;
  /** The ends of the way between the hosts. */
  openSource?: typeof openTunnelSource;
  keepTarget?: typeof keepTunnelTarget;
  now?: () => number;
}

export function createForwardKeeper(options: KeeperOptions): ForwardKeeper {
  return new Keeper(options);
}

interface Taken {
  forwarding: Forwarding;
  tunnel: AbortController;
  expiry: NodeJS.Timeout;
}

class Keeper implements ForwardKeeper {
  readonly #options: Required<KeeperOptions>;
  readonly #taken = new Map<string, Taken>();
  readonly #receiver: Receiver;
  /** Migration → its latest act; the next one begins after it. */
  readonly #turns = new Map<string, Promise<unknown>>();
  #closed = false;

  constructor(options: KeeperOptions) {
    const ways = { openSource: openTunnelSource, keepTarget: keepTunnelTarget };
    this.#options = { open: openHere, sweep: sweepRules, ...ways, now: Date.now, ...options };
    const onOver = (migrationId: string) => void this.endReceiving(migrationId).catch(() => {});
    this.#receiver = createReceiver({ ...this.#options, onOver });
  }

  hold(of: Migration, ports: ForwardedPort[]): Promise<void> {
    const until_ms = this.#options.now() + limits.forward.holdingMsMax;
    return this.#inTurn(of.migrationId, () => this.#takeUp(of, { ports, listeners: [], until_ms, to: null }));
  }

  forward(of: Migration, { peer, ports, until_ms, proxied }: ForwardWay): Promise<void> {
    return this.#inTurn(of.migrationId, () =>
      this.#takeUp(of, { ports, listeners: [], until_ms, to: { peer, proxied } }),
    );
  }

  release(migrationId: string): Promise<void> {
    return this.#inTurn(migrationId, async () => {
      await this.#taken.get(migrationId)?.forwarding.release();
      await this.#forget(migrationId);
    });
  }

  end(migrationId: string): Promise<void> {
    return this.#inTurn(migrationId, async () => {
      await this.#taken.get(migrationId)?.forwarding.end();
      await this.#forget(migrationId);
    });
  }

  receive(of: Migration, way: ReceiveWay): Promise<void> {
    return this.#inTurn(of.migrationId, async () => {
      await this.#options.ledger.amend(of.migrationId, (entry) => {
        entry.receiving = way;
      });
      this.#receiver.start(of.migrationId, way);
    });
  }

  endReceiving(migrationId: string): Promise<void> {
    return this.#inTurn(migrationId, async () => {
      this.#receiver.stop(migrationId);
      await this.#options.ledger.amend(migrationId, (entry) => {
        entry.receiving = null;
      });
    });
  }

  traffic(migrationId: string): TrafficReport | null {
    return this.#taken.get(migrationId)?.forwarding.traffic() ?? null;
  }

  async resume(): Promise<void> {
    await Promise.all(this.#options.ledger.all().map((entry) => this.#resumeOne(entry)));
    await this.#sweep();
  }

  async close(): Promise<void> {
    this.#closed = true;
    await Promise.all([...this.#turns.values()]);
    this.#receiver.stopAll();
    await Promise.all([...this.#taken.keys()].map((migrationId) => this.#drop(migrationId, 0)));
  }

  async #resumeOne({ migration_id: migrationId, project, forwarding, receiving }: LedgerEntry): Promise<void> {
    const { log, now } = this.#options;
    const of = { migrationId, project };
    const isDue = (until_ms: number) => now() >= until_ms;
    try {
      if (receiving) await (isDue(receiving.until_ms) ? this.endReceiving(migrationId) : this.receive(of, receiving));
      if (!forwarding) return;
      if (isDue(forwarding.until_ms)) await this.end(migrationId);
      else await this.#inTurn(migrationId, () => this.#takeUp(of, forwarding));
    } catch (error) {
      log.of(migrationId).error('connections could not be taken up again', { error });
    }
  }

  /** In this order: record, rules that hold, the way on. */
  async #takeUp(of: Migration, wanted: ForwardingRecord): Promise<void> {
    const { ledger, log, open, now } = this.#options;
    const { migrationId, project } = of;
    if (this.#closed) throw new StackferryError('cancelled', 'The agent is stopping.');
    const earlier = ledger.find(migrationId)?.forwarding?.listeners ?? [];
    const logged = log.of(migrationId);
    const before = this.#taken.get(migrationId);
    const forwarding = before?.forwarding ?? (await open({ migrationId, ports: wanted.ports, log: logged, earlier }));
    const tunnel = new AbortController();
    const expire = () => void this.end(migrationId).catch((error) => logged.error('forwarding did not end', { error }));
    clearTimeout(before?.expiry);
    const expiry = sleepingAt(wanted.until_ms - now(), expire);
    const taken: Taken = { forwarding, tunnel: wanted.to ? tunnel : (before?.tunnel ?? tunnel), expiry };
    this.#taken.set(migrationId, taken);
    try {
      const key = { migration_id: migrationId, project, role: 'source' } as const;
      await ledger.update(key, (entry) => {
        entry.forwarding = { ...wanted, listeners: forwarding.redirects };
      });
      await forwarding.hold();
    } catch (error) {
      await this.#drop(migrationId, 0);
      await this.#forget(migrationId).catch(() => {});
      throw error;
    }
    if (!wanted.to) return;
    before?.tunnel.abort();
    this.#passOn(migrationId, taken, wanted.to, wanted.ports);
  }

  #passOn(
    migrationId: string,
    { forwarding, tunnel }: Taken,
    { peer, proxied }: NonNullable<ForwardingRecord['to']>,
    ports: ForwardedPort[],
  ): void {
    const log = this.#options.log.of(migrationId);
    const dial = this.#options.dialer('source', { migrationId, peer, lane: forwardLane });
    const onInterrupted = (error: unknown) => log.warn('the way to the target is interrupted', { error });
    const names = ports.filter(({ port }) => proxied.includes(port)).map(portName);
    const source = this.#options.openSource({ dial, onInterrupted, signal: tunnel.signal }, new Set(names));
    source.ended.catch((error) => {
      // Held again, they are about to be released to the stack here.
      if (!this.#options.ledger.find(migrationId)?.forwarding?.to) return;
      log.warn('connections are not forwarded any more', { error });
      void this.end(migrationId).catch(() => {});
    });
    forwarding.forward(source.connect);
  }

  #letGo(migrationId: string): Taken | undefined {
    const taken = this.#taken.get(migrationId);
    this.#taken.delete(migrationId);
    clearTimeout(taken?.expiry);
    taken?.tunnel.abort();
    return taken;
  }

  /** Without the record, which the next agent reads. */
  async #drop(migrationId: string, drainMsMax: number): Promise<void> {
    const taken = this.#letGo(migrationId);
    await taken?.forwarding
      .end(drainMsMax)
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

  async #sweep(): Promise<void> {
    const explained = (entry: LedgerEntry) => (entry.forwarding ? [ruleName(entry.migration_id)] : []);
    await this.#options.sweep(new Set(this.#options.ledger.all().flatMap(explained)));
  }

  #inTurn(migrationId: string, act: () => Promise<void>): Promise<void> {
    const done = (this.#turns.get(migrationId) ?? Promise.resolve()).then(act);
    const settled = done.catch(() => {});
    this.#turns.set(migrationId, settled);
    void settled.then(() => {
      if (this.#turns.get(migrationId) === settled) this.#turns.delete(migrationId);
    });
    return done;
  }
}

const openHere: Required<KeeperOptions>['open'] = async (options) =>
  await openForwarding({ ...options, firewall: await chooseFirewall(), families: hostFamilies() });

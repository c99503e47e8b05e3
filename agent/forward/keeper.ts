import type { ForwardedPort, TrafficReport } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import type { LedgerEntry } from '../migration-ledger.ts';
import { createTurns } from '../turns.ts';
import { Datagrams } from './datagrams.ts';
import { sweepRules } from './firewall.ts';
import { Forgetting, type GiveTurn } from './forgetting.ts';
import type { ForwardKeeper, ForwardWay, Migration } from './forward-keeper.ts';
import type { KeeperOptions } from './keeper-options.ts';
import { livesHere } from './lives-here.ts';
import { checkedPorts } from './published-port.ts';
import { createReceiver, type Receiver, type ReceiveWay } from './receiver.ts';
import { TakenConnections } from './taken-connections.ts';
import { openTunnelSource } from './tunnel-source.ts';
import { keepTunnelTarget } from './tunnel-target.ts';

export function createForwardKeeper(options: KeeperOptions): ForwardKeeper {
  return new Keeper(options);
}

class Keeper implements ForwardKeeper {
  readonly #options: Required<KeeperOptions>;
  readonly #forgetting: Forgetting;
  readonly #taken: TakenConnections;
  readonly #receiver: Receiver;
  readonly #turns = createTurns();

  constructor(options: KeeperOptions) {
    const openDatagrams: KeeperOptions['openDatagrams'] = (...args) => new Datagrams(...args);
    const ways = { openSource: openTunnelSource, keepTarget: keepTunnelTarget, openDatagrams };
    this.#options = { sweep: sweepRules, ...ways, now: Date.now, ...options };
    const onOver = (migrationId: string) => void this.endReceiving(migrationId).catch(() => {});
    const isHere = (migrationId: string) => livesHere(migrationId, options.ledger);
    this.#receiver = createReceiver({ ...this.#options, onOver, isHere });
    const turn: GiveTurn = (migrationId, act) => this.#turns.run(migrationId, act);
    this.#forgetting = new Forgetting(this.#options, turn);
    this.#taken = new TakenConnections(this.#options, turn, this.#forgetting);
    this.#options.holder.onLost(() => this.#takeUpLost());
  }

  async hold(of: Migration, given: ForwardedPort[]): Promise<void> {
    const ports = checkedPorts(given);
    const until_ms = this.#options.now() + limits.forward.holdingMsMax;
    await this.#turns.run(of.migrationId, () => this.#taken.takeUp(of, { ports, listeners: [], until_ms, to: null }));
  }

  async forward(of: Migration, { peer, ports: given, until_ms, proxied }: ForwardWay): Promise<void> {
    const ports = checkedPorts(given);
    const to = { peer, proxied };
    await this.#turns.run(of.migrationId, () => this.#taken.takeUp(of, { ports, listeners: [], until_ms, to }));
  }

  release(migrationId: string): Promise<void> {
    return this.#turns.run(migrationId, () => this.#taken.forget(migrationId, 'release'));
  }

  end(migrationId: string): Promise<void> {
    return this.#turns.run(migrationId, () => this.#taken.forget(migrationId));
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

  freePorts(migrationId: string): void {
    this.#taken.freePorts(migrationId);
  }

  traffic(migrationId: string): Promise<TrafficReport | null> {
    return this.#taken.traffic(migrationId);
  }

  async allTraffic(): Promise<TrafficReport[]> {
    const reports = await Promise.all(this.#taken.ids().map((migrationId) => this.traffic(migrationId)));
    return reports.filter((report) => report !== null);
  }

  async resume(): Promise<void> {
    await Promise.all(this.#options.ledger.all().map((entry) => this.#resumeOne(entry)));
    await this.#options.holder
      .endUnclaimed()
      .catch((error) => this.#options.log.error('the connection holder does not answer', { error }));
    await this.#forgetting.sweep();
  }

  async close(): Promise<void> {
    this.#taken.shut();
    await this.#turns.settled();
    this.#receiver.stopAll();
    // First, so that the holder sees no way that refuses, but one that is gone.
    this.#options.holder.close();
    for (const migrationId of this.#taken.ids()) this.#taken.letGo(migrationId);
  }

  async #resumeOne({ migration_id: migrationId, project, forwarding, receiving }: LedgerEntry): Promise<void> {
    const { now } = this.#options;
    const of = { migrationId, project };
    const isDue = (until_ms: number) => now() >= until_ms;
    try {
      if (receiving) await (isDue(receiving.until_ms) ? this.endReceiving(migrationId) : this.receive(of, receiving));
      if (!forwarding) return;
      if (isDue(forwarding.until_ms)) await this.end(migrationId);
      else await this.#turns.run(migrationId, () => this.#taken.takeUpAgain(of, forwarding));
    } catch (error) {
      this.#failedToTakeUp(migrationId, error);
    }
  }

  #takeUpLost(): void {
    for (const migrationId of this.#taken.ids()) {
      const lost = this.#taken.find(migrationId);
      if (!lost) continue;
      this.#turns
        .run(migrationId, () => this.#taken.takeUpLost(migrationId, lost))
        .catch((error) => this.#failedToTakeUp(migrationId, error));
    }
  }

  #failedToTakeUp(migrationId: string, error: unknown): void {
    this.#options.log.of(migrationId).error('connections could not be taken up again', { error });
  }
}

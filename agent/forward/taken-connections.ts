import { isDeepStrictEqual } from 'node:util';
import { sleep } from '../../node/sleep.ts';
import { StackferryError } from '../../schema/errors.ts';
import { type ForwardedPort, forwardLane, type TrafficReport } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import type { ForwardingRecord } from '../migration-ledger.ts';
import { mayRunHere } from '../tenancy.ts';
import type { HeldForwarding } from './connection-holder.ts';
import type { Datagrams } from './datagrams.ts';
import { actAt, type Expiry } from './expiry.ts';
import type { Forgetting, GiveTurn } from './forgetting.ts';
import type { Migration } from './forward-keeper.ts';
import type { ConnectOn } from './holder.ts';
import type { KeeperOptions } from './keeper-options.ts';
import { portName } from './published-port.ts';
import { withDatagrams } from './traffic.ts';

interface Taken {
  forwarding: HeldForwarding;
  tunnel: AbortController;
  expiry: Expiry;
  /** Of the UDP ports, while they are forwarded. */
  datagrams: Pick<Datagrams, 'close' | 'traffic'> | null;
}

/**
 * What this host takes in place of stacks that left it: a record, listeners and rules in the holder, the way on, and the UDP
 * ports. The keeper gives each migration its turn.
 */
export class TakenConnections {
  readonly #options: Required<KeeperOptions>;
  readonly #taken = new Map<string, Taken>();
  readonly #turn: GiveTurn;
  readonly #forgetting: Forgetting;
  #closed = false;

  constructor(options: Required<KeeperOptions>, turn: GiveTurn, forgetting: Forgetting) {
    this.#options = options;
    this.#turn = turn;
    this.#forgetting = forgetting;
  }

  find(migrationId: string): HeldForwarding | undefined {
    return this.#taken.get(migrationId)?.forwarding;
  }

  /** Null if nothing is taken. UDP's clients are counted by this agent, TCP's by the holder. */
  async traffic(migrationId: string): Promise<TrafficReport | null> {
    const taken = this.#taken.get(migrationId);
    const report = await taken?.forwarding.traffic();
    if (!report) return null;
    const udp = taken?.datagrams?.traffic();
    return udp ? withDatagrams(report, udp) : report;
  }

  /** The UDP ports of a stack that may be about to start here. */
  freePorts(migrationId: string): void {
    const taken = this.#taken.get(migrationId);
    taken?.datagrams?.close();
    if (taken) taken.datagrams = null;
  }

  ids(): string[] {
    return [...this.#taken.keys()];
  }

  /** From here on nothing is taken up. */
  shut(): void {
    this.#closed = true;
    this.#forgetting.shut();
  }

  /** In this order: record, rules that hold, the way on. */
  async takeUp(of: Migration, wanted: ForwardingRecord): Promise<void> {
    const { ledger, log, holder, now } = this.#options;
    const { migrationId, project } = of;
    if (this.#closed) throw new StackferryError('cancelled', 'The agent is stopping.');
    this.#forgetting.stop(migrationId);
    const recorded = ledger.find(migrationId)?.forwarding;
    const earlier = recorded?.listeners ?? wanted.listeners;
    const logged = log.of(migrationId);
    const before = this.#taken.get(migrationId);
    // What is passed on already is not cut.
    const hasPorts = before?.datagrams || !wanted.ports.some(({ protocol }) => protocol === 'udp');
    if (before && wanted.to && recorded && isSame(recorded, wanted) && hasPorts) return;
    const opened = async () =>
      await holder.open({ migrationId, ports: wanted.ports, log: logged, earlier }).catch(async (error) => {
        // It may have opened them all the same, and no record asks for that.
        if (!recorded?.until_ms) await this.forget(migrationId).catch(() => {});
        throw error;
      });
    const forwarding = before?.forwarding ?? (await opened());
    const tunnel = new AbortController();
    const expire = () =>
      void this.#end(migrationId).catch((error) => logged.error('forwarding did not end', { error }));
    before?.expiry.cancel();
    const expiry = actAt(wanted.until_ms, expire, now);
    const datagrams = before?.datagrams ?? null;
    const taken: Taken = { forwarding, tunnel: wanted.to ? tunnel : (before?.tunnel ?? tunnel), expiry, datagrams };
    this.#taken.set(migrationId, taken);
    this.freePorts(migrationId);
    try {
      const key = { migration_id: migrationId, project, role: 'source' } as const;
      await ledger.update(key, (entry) => {
        entry.forwarding = { ...wanted, listeners: forwarding.redirects };
      });
      await forwarding.hold(wanted.until_ms);
      if (!wanted.to) return;
      before?.tunnel.abort();
      const connect = this.#wayOn(migrationId, wanted.ports, wanted.to, tunnel.signal);
      await forwarding.forward(connect);
      const udp = wanted.ports.filter(({ protocol }) => protocol === 'udp');
      if (udp.length > 0) taken.datagrams = this.#options.openDatagrams(udp, connect, logged);
    } catch (error) {
      before?.tunnel.abort();
      await this.forget(migrationId).catch(() => {});
      throw error;
    }
  }

  /**
   * Nobody repeats this one, as the control plane repeats its commands. What was passed on ends if the stack is back: its end
   * is on the way.
   */
  async takeUpAgain(of: Migration, recorded: ForwardingRecord): Promise<void> {
    for (let tries = 1; ; tries += 1) {
      const entry = this.#options.ledger.find(of.migrationId);
      if (recorded.to && entry && mayRunHere(entry)) return await this.forget(of.migrationId, 'release');
      try {
        return await this.takeUp(of, recorded);
      } catch (error) {
        if (this.#closed) throw error;
        if (tries >= limits.forward.holderTriesMax) {
          await this.forget(of.migrationId).catch(() => {});
          throw error;
        }
        this.#options.log.of(of.migrationId).warn('connections could not be taken up yet', { error });
      }
      await sleep(limits.forward.reconnectDelayMsMax);
    }
  }

  /** Its holder died: rules lead to listeners that are closed, until another one opens them. Only if it is still taken. */
  async takeUpLost(migrationId: string, lost: HeldForwarding): Promise<void> {
    const entry = this.#options.ledger.find(migrationId);
    if (this.#closed || this.find(migrationId) !== lost || !entry?.forwarding) return;
    this.letGo(migrationId);
    await this.takeUpAgain({ migrationId, project: entry.project }, entry.forwarding);
  }

  letGo(migrationId: string): Taken | undefined {
    const taken = this.#taken.get(migrationId);
    this.#taken.delete(migrationId);
    taken?.expiry.cancel();
    taken?.tunnel.abort();
    taken?.datagrams?.close();
    return taken;
  }

  /** Throws if the holder can't be reached; the request is then repeated. */
  async forget(migrationId: string, how: 'end' | 'release' = 'end'): Promise<void> {
    this.freePorts(migrationId);
    await this.#forgetting.forget(migrationId, how).finally(() => this.letGo(migrationId));
  }

  /** Its time has come, or the target can never be reached again. */
  #end(migrationId: string): Promise<void> {
    return this.#turn(migrationId, () => this.forget(migrationId));
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
    const names = ports.filter(({ port, protocol }) => protocol === 'tcp' && proxied.includes(port)).map(portName);
    const source = this.#options.openSource({ dial, onInterrupted, signal }, new Set(names));
    source.ended.catch((error) => {
      // Held again, they are about to be released to the stack here.
      if (!this.#options.ledger.find(migrationId)?.forwarding?.to) return;
      log.warn('connections are not forwarded any more', { error });
      void this.#end(migrationId).catch(() => {});
    });
    return source.connect;
  }
}

const isSame = (one: ForwardingRecord, other: ForwardingRecord): boolean =>
  isDeepStrictEqual({ ...one, listeners: [] }, { ...other, listeners: [] });

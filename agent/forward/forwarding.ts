import type { Log } from '../../node/log.ts';
import { sleep } from '../../node/sleep.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { ForwardedPort, TrafficReport } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { connectTo } from './connect-to.ts';
import { type ConnectOn, Holder, type HolderBounds, type HolderCounts } from './holder.ts';
import { type Listeners, openListeners } from './listeners.ts';
import { checkedPorts, type Family, type Redirect } from './published-port.ts';
import { type Firewall, ruleName } from './rules.ts';

/** What takes the place of a stack's published ports on this host, from `hold` to `release` or `end`. */
export interface Forwarding {
  /** To be recorded before `redirect`: an agent that starts again opens the same listeners. */
  redirects: Redirect[];
  /** From here on, new connections to the published ports are held. To be repeated when a forwarded copy is to stop. */
  hold(): Promise<void>;
  /** Looks whether the rules are in place, and puts them back if they are not. Returns false if they were not. */
  mend(): Promise<boolean>;
  /** The stack runs on the target: held and later connections take this way. */
  forward(connect: ConnectOn): void;
  /** The stack runs here again: new connections reach it, then those held do. Spliced ones last as long as they do. */
  release(): Promise<void>;
  /** Removes the rules, closes what is held and, after a grace, what is forwarded. May be repeated. */
  end(drainMsMax?: number): Promise<void>;
  counts(): HolderCounts;
  traffic(): TrafficReport;
}

export interface ForwardingOptions {
  migrationId: string;
  ports: ForwardedPort[];
  firewall: Firewall;
  /** Those that this host has. */
  families: Family[];
  log: Log;
  /** Of an earlier agent, whose rules may still be in place. */
  earlier?: Redirect[];
  bounds?: Partial<HolderBounds>;
  lingerMs?: number;
}

/**
 * Opens the listeners; no rule is changed yet. Throws `invalid_request` for ports that can't be redirected,
 * `resource_taken` if no listener can be opened; `hold` and the others throw what `Firewall` does, with no rule left.
 */
export async function openForwarding(options: ForwardingOptions): Promise<Forwarding> {
  const { firewall, families, log, lingerMs = limits.forward.lingerMs } = options;
  const name = ruleName(options.migrationId);
  const ports = checkedPorts(options.ports);
  const holder = new Holder(ports, log, options.bounds);
  const listeners: Listeners = await openListeners(
    ports,
    families,
    (port, socket) => holder.take(port, socket),
    options.earlier,
  );
  const { redirects } = listeners;
  let isRedirected = false;
  let isOver = false;

  return {
    redirects,
    hold: async () => {
      if (isOver) throw new StackferryError('internal', 'The listeners are closed: open the forwarding again.');
      if (isRedirected) return holder.hold();
      // In this order a listener is never reachable by its own port, and redirected connections are never closed.
      await firewall.protect(name, redirects);
      holder.hold();
      await firewall.redirect(name, redirects);
      isRedirected = true;
    },
    mend: async () => {
      if (!isRedirected || isOver || (await firewall.stands(name, redirects))) return true;
      await firewall.protect(name, redirects);
      await firewall.redirect(name, redirects);
      return false;
    },
    forward: (connect) => holder.forward(connect),
    release: async () => {
      // Not to be put back, even if only half of them could be removed.
      isRedirected = false;
      await firewall.unredirect(name);
      isOver = true;
      holder.forward(connectLocally);
      await sleep(lingerMs);
      listeners.close();
      await firewall.remove(name);
    },
    end: async (drainMsMax = limits.forward.drainMsMax) => {
      isRedirected = false;
      // First of all: the way that the host had before.
      await firewall.unredirect(name).catch(() => {});
      isOver = true;
      listeners.close();
      await holder.close(drainMsMax);
      await firewall.remove(name);
    },
    counts: () => holder.counts(),
    traffic: () => {
      const { held, spliced } = holder.counts();
      return { ...holder.traffic.report(), held, spliced };
    },
  };
}

/** To the published port on this host, past Docker's own rules. */
export const connectLocally: ConnectOn = ({ published }, signal) => connectTo(published, signal);

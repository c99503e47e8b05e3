import type { Log } from '../../node/log.ts';
import type { ForwardedPort, TrafficReport } from '../../schema/forwarding.ts';
import type { ConnectOn } from './holder.ts';
import type { Redirect } from './published-port.ts';

/** What takes the place of a stack's published ports, as the agent sees it: `Forwarding`, in a process that outlives it. */
export interface HeldForwarding {
  /** To be recorded before `hold`: a new holder opens the same listeners. */
  redirects: Redirect[];
  /** New connections wait, at the latest until this time of the host's clock; then the holder ends it by itself. */
  hold(until_ms: number): Promise<void>;
  /** Held and later connections take this way, while this agent lives. */
  forward(connect: ConnectOn): Promise<void>;
  traffic(): Promise<TrafficReport>;
}

export interface OpenHeld {
  migrationId: string;
  ports: ForwardedPort[];
  /** Listeners of an earlier holder, whose rules may still be in place. */
  earlier: Redirect[];
  log: Log;
}

/** Where listeners, rules and waiting connections are. */
export interface ConnectionHolder {
  /** Opens listeners, or returns the forwarding that an earlier agent opened, with all that waits in it. */
  open(options: OpenHeld): Promise<HeldForwarding>;
  /**
   * The stack runs here again, or nothing is taken for it any more. Resolves once the holder has done it, or none runs: nothing is
   * left then, but for the rules of one that died. May be repeated, also by an agent that did not open it.
   */
  release(migrationId: string): Promise<void>;
  end(migrationId: string): Promise<void>;
  /** Ends what earlier agents opened and this one has not: no record explains it. */
  endUnclaimed(): Promise<void>;
  /** Called each time the holder has died: what was opened is gone, though its rules may not be. */
  onLost(listener: () => void): void;
  /** Leaves everything as it is, for the next agent. */
  close(): void;
}

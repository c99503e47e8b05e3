import type { ForwardedPort, TrafficReport } from '../../schema/forwarding.ts';
import type { ReceiveWay } from './receiver.ts';

/**
 * The connections and datagrams that this host takes in place of a stack that has left it, or receives for one that came. Each act is
 * recorded before it is done, may be repeated, and outlives a restart of the agent. One that fails leaves no rule.
 */
export interface ForwardKeeper {
  /** New connections wait, until they are forwarded or released. Datagrams are not forwarded any more. */
  hold(of: Migration, ports: ForwardedPort[]): Promise<void>;
  forward(of: Migration, way: ForwardWay): Promise<void>;
  /** The stack runs here again. */
  release(migrationId: string): Promise<void>;
  end(migrationId: string): Promise<void>;
  receive(of: Migration, way: ReceiveWay): Promise<void>;
  endReceiving(migrationId: string): Promise<void>;
  /** The stack is about to start here: its UDP ports are free from now on, whatever became of `hold`. */
  freePorts(migrationId: string): void;
  /** Null if this host takes no connections for the migration. */
  traffic(migrationId: string): Promise<TrafficReport | null>;
  /** Of all migrations whose connections this host takes. */
  allTraffic(): Promise<TrafficReport[]>;
  /** Takes up what an earlier agent left, and removes rules that no record explains. Never throws. */
  resume(): Promise<void>;
  /** What waits goes on waiting, for the next agent; what is passed on breaks. */
  close(): Promise<void>;
}

export interface Migration {
  migrationId: string;
  project: string;
}
export interface ForwardWay extends ReceiveWay {
  /** Ports whose app is sent a header of the PROXY protocol. */
  proxied: number[];
}

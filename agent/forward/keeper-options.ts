import type { Log } from '../../node/log.ts';
import type { MigrationLedger } from '../migration-ledger.ts';
import type { Dialer } from '../transfer/reconnect.ts';
import type { ConnectionHolder } from './connection-holder.ts';
import type { Datagrams } from './datagrams.ts';
import type { openTunnelSource } from './tunnel-source.ts';
import type { keepTunnelTarget } from './tunnel-target.ts';

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
  /** Takes UDP ports, until `close`. */
  openDatagrams?: (...args: ConstructorParameters<typeof Datagrams>) => Pick<Datagrams, 'close' | 'traffic'>;
  now?: () => number;
}

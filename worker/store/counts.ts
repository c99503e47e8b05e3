import type { DrainStatus } from '../../schema/drain.ts';
import type { Status } from '../../schema/migration-status.ts';

/** What `countFleet` counts. */

export interface NodeCount {
  kind: 'host' | 'relay';
  status: 'pending' | 'online' | 'offline';
  /** As the agent says it; null before it joined. */
  version: string | null;
  count: number;
}

export interface FleetCounts {
  /** Active ones, and terminal ones that began within `limits.observe.recentMs`. */
  migrations: { status: Status; count: number }[];
  /** Completed ones whose source copy is kept: window open, or closed. */
  open_windows: number;
  cleanups_due: number;
  nodes: NodeCount[];
  drains: { status: DrainStatus; count: number }[];
  pending_deliveries: number;
  /** Age of the oldest event that waits for its delivery; 0 if none does. */
  oldest_delivery_ms: number;
  /** Size of the whole database. */
  database_bytes: number;
}

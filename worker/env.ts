import type { FleetAuthority } from './hosts/fleet-authority.ts';
import type { HostConnection } from './hosts/host-connection.ts';
import type { StackMigration } from './migration/stack-migration.ts';

/** The bindings of wrangler.toml. */
export interface Env {
  DB: D1Database;
  /** By stack id. */
  STACK_MIGRATION: DurableObjectNamespace<StackMigration>;
  /** By node id, hosts and relays alike. */
  HOST_CONNECTION: DurableObjectNamespace<HostConnection>;
  /** One object, see `fleetOf`. */
  FLEET_AUTHORITY: DurableObjectNamespace<FleetAuthority>;
  /** SHA-256 (hex) of the first admin token, see `auth/bootstrap.ts`. */
  BOOTSTRAP_TOKEN_HASH?: string;
}

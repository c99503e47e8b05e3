import type { TokenMeter } from './auth/token-meter.ts';
import type { HostDrain } from './drain/host-drain.ts';
import type { FleetAuthority } from './hosts/fleet-authority.ts';
import type { HostConnection } from './hosts/host-connection.ts';
import type { StackMigration } from './migration/stack-migration.ts';
import type { DeliveryId } from './store/deliveries.ts';

type Methods<T> = {
  [K in Exclude<keyof T, keyof DurableObject> as T[K] extends (...args: never) => unknown ? K : never]: T[K] extends (
    ...args: infer A
  ) => infer R
    ? (...args: A) => Promise<Awaited<R>>
    : never;
};

/** A namespace whose stubs have the object's own methods: the platform's types turn `unknown` in an answer to `never`. */
export interface Namespace<T> extends Omit<DurableObjectNamespace, 'get'> {
  get(id: DurableObjectId): Methods<T> & Pick<DurableObjectStub, 'fetch'>;
}

/** The bindings of wrangler.toml. */
export interface Env {
  DB: D1Database;
  /** By stack id. */
  STACK_MIGRATION: Namespace<StackMigration>;
  /** By drain id. */
  HOST_DRAIN: Namespace<HostDrain>;
  /** By node id, hosts and relays alike. */
  HOST_CONNECTION: Namespace<HostConnection>;
  /** One object, see `fleetOf`. */
  FLEET_AUTHORITY: Namespace<FleetAuthority>;
  /** By API token id. */
  TOKEN_METER: Namespace<TokenMeter>;
  /** Carries webhook deliveries to their sending; their schedule is in D1. */
  WEBHOOK_QUEUE: Queue<DeliveryId>;
  /** SHA-256 (hex) of the first admin token, see `auth/bootstrap.ts`. */
  BOOTSTRAP_TOKEN_HASH?: string;
  /** How long a completed migration's source is kept for a rollback; 72 where it is not set. */
  SAFETY_WINDOW_HOURS?: string;
  /** Requests a minute of one API token; `limits.api.tokenRequestsPerMinute` where it is not set. */
  RATE_LIMIT_PER_MINUTE?: string;
  /** "true" lets webhooks go to http and to private addresses: for trying out on one machine. */
  DEVELOPMENT?: string;
}

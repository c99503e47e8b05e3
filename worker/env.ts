import type { FleetAuthorityRpc, HostConnectionRpc, HostDrainRpc, StackMigrationRpc, TokenMeterRpc } from './rpc.ts';

/** Stubs with the object's own methods: the platform's types turn `unknown` in a result into `never`. */
export interface Namespace<T> extends Omit<DurableObjectNamespace, 'get'> {
  get(id: DurableObjectId): T & Pick<DurableObjectStub, 'fetch'>;
}

/** A message of the webhook queue. */
export interface DeliveryId {
  endpoint_id: string;
  event_id: string;
}

/** The bindings of wrangler.toml. */
export interface Env {
  DB: D1Database;
  /** Static files that are filled in before they are served. */
  ASSETS: Fetcher;
  /** By stack id. */
  STACK_MIGRATION: Namespace<StackMigrationRpc>;
  /** By drain id. */
  HOST_DRAIN: Namespace<HostDrainRpc>;
  /** By node id, hosts and relays alike. */
  HOST_CONNECTION: Namespace<HostConnectionRpc>;
  /** A single object, see `fleetOf`. */
  FLEET_AUTHORITY: Namespace<FleetAuthorityRpc>;
  /** By API token id. */
  TOKEN_METER: Namespace<TokenMeterRpc>;
  /** Carries due webhook deliveries; their schedule is in D1. */
  WEBHOOK_QUEUE: Queue<DeliveryId>;
  /** SHA-256 (hex) of the first admin token, see `auth/bootstrap.ts`. */
  BOOTSTRAP_TOKEN_HASH?: string;
  /** Set only during an export or import of the authority's keys, which it seals, see `routes/authority.ts`. */
  AUTHORITY_WRAP_KEY?: string;
  /** The origin of the control plane for hosts and browsers. If unset, the origin of each request is used. */
  PUBLIC_URL?: string;
  /** Hours for which a completed migration's source is kept for a rollback; 72 if unset. */
  SAFETY_WINDOW_HOURS?: string;
  /** Days for which the records of settled migrations are kept; 365 if unset, 0 for ever. */
  RETENTION_DAYS?: string;
  /** Requests per minute of one API token; `limits.api.tokenRequestsPerMinute` if unset. */
  RATE_LIMIT_PER_MINUTE?: string;
  /** Login at a provider for the web UI, see `auth/oidc/settings.ts` and docs/security.md; off without an issuer. */
  OIDC_ISSUER?: string;
  OIDC_CLIENT_ID?: string;
  OIDC_CLIENT_SECRET?: string;
  /** Scopes asked of the provider; "openid email profile" if unset. */
  OIDC_SCOPES?: string;
  /** The claim with the groups of `group:NAME`; "groups" if unset. */
  OIDC_GROUPS_CLAIM?: string;
  /** Who may log in, by scope: emails, `*@DOMAIN` and `group:NAME`, separated by commas. */
  OIDC_ADMINS?: string;
  OIDC_MIGRATORS?: string;
  OIDC_READERS?: string;
  /** "true" allows webhooks to http and to private addresses, to try Stackferry out on one machine. */
  DEVELOPMENT?: string;
}

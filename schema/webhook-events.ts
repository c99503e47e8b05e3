import { z } from 'zod';
import { modes, statuses } from './migration-status.ts';
import { attention } from './saga.ts';

/**
 * Events that receivers get. The body of a call is one `webhookEvent` as JSON; its headers `webhook-id`,
 * `webhook-timestamp` and `webhook-signature` are those of the Standard Webhooks specification. Ids, names, statuses
 * and public messages only: no environment value, log line, key or token (Invariant 7). Fields may be added, never
 * changed.
 */
/** For programs. Another event comes in the same moment, so kinds for people send this one only if it was chosen. */
export const cutoverWebhook = 'migration.cutover';
export const migrationWebhooks = [
  'migration.started',
  'migration.holding',
  'migration.completed',
  'migration.failed',
  'migration.cancelled',
  'migration.rolled_back',
  cutoverWebhook,
  'migration.needs_attention',
  'migration.cleanup_due',
] as const;
export const drainWebhooks = ['drain.completed', 'drain.failed'] as const;
/** Event types that an endpoint can subscribe to. */
export const webhookTypes = [...migrationWebhooks, ...drainWebhooks] as const;
export type MigrationWebhook = (typeof migrationWebhooks)[number];
export type DrainWebhook = (typeof drainWebhooks)[number];
export type WebhookType = (typeof webhookTypes)[number];
/** `dead`: dead letter after the last try; it can be replayed. */
export const deliveryStatuses = ['pending', 'delivered', 'dead'] as const;
export type DeliveryStatus = (typeof deliveryStatuses)[number];
/** The last attempt of a delivery, epoch milliseconds. */
export interface LastAttempt {
  at: number;
  took_ms: number;
  /** Null without an answer. */
  answer_status: number | null;
  error: string | null;
  /** First bytes of the answer. */
  answer: string | null;
}
/** Sent on request, to one endpoint. */
export const testWebhook = 'webhook.test';

const named = z.object({ id: z.string(), name: z.string() });
const links = z.record(z.string(), z.string()).describe('Paths of this API.');

export const migrationWebhookData = z
  .object({
    id: z.string(),
    stack: named,
    source: named,
    target: named,
    mode: z.enum(modes),
    status: z.enum(statuses),
    created_at: z.string(),
    ended_at: z.string().nullable(),
    /** Why it reverted; never cleared. */
    failure: z.object({ step: z.string(), code: z.string(), message: z.string() }).nullable(),
    /** With `needs_attention`: where the copies are, and what to do. */
    attention: attention.nullable(),
    /** From `completed` on: end of the rollback window. */
    window_ends_at: z.string().nullable(),
    /** With `completed` and `rolled_back`: the host that clients should use from then on. */
    clients_use: named.nullable().default(null),
    /** With `cleanup_due`: connections a minute that still came to the source when forwarding ended; null if nobody knows. */
    still_coming_per_minute: z.number().nullable().default(null),
    links,
  })
  .meta({ id: 'MigrationWebhookData' });
export type MigrationWebhookData = z.infer<typeof migrationWebhookData>;

export const drainWebhookData = z
  .object({
    id: z.string(),
    host: named,
    moved: z.array(z.object({ stack: named, target: named, migration_id: z.string() })),
    /** Stacks still on the host, running, and why. */
    stayed: z.array(
      z.object({ stack: named, code: z.string(), message: z.string(), migration_id: z.string().nullable() }),
    ),
    created_at: z.string(),
    ended_at: z.string(),
    links,
  })
  .meta({ id: 'DrainWebhookData' });
export type DrainWebhookData = z.infer<typeof drainWebhookData>;

const event = <T extends string, D extends z.ZodType>(type: T, data: D) =>
  z.object({ type: z.literal(type), timestamp: z.string(), data });

export const webhookEvents = [
  ...migrationWebhooks.map((type) => event(type, migrationWebhookData)),
  ...drainWebhooks.map((type) => event(type, drainWebhookData)),
  event(testWebhook, z.object({ endpoint_id: z.string() })),
] as const;

/** The stored and signed form. `timestamp` is when it happened, RFC 3339. */
export type WebhookPayload =
  | { type: MigrationWebhook; timestamp: string; data: MigrationWebhookData }
  | { type: DrainWebhook; timestamp: string; data: DrainWebhookData }
  | { type: typeof testWebhook; timestamp: string; data: { endpoint_id: string } };

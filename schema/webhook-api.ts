import { z } from 'zod';
import { objectId, pageQuery } from './api.ts';
import { limits } from './limits.ts';
import { deliveryStatuses, webhookTypes } from './webhook-events.ts';

/** Requests and responses of `/webhooks`. Times are RFC 3339 strings. */
const time = z.string();

const url = z.string().min(1).max(limits.api.urlCharsMax);
const events = z
  .array(z.enum(webhookTypes))
  .min(1)
  .max(webhookTypes.length)
  .transform((list) => webhookTypes.filter((type) => list.includes(type)));

export const createWebhook = z.strictObject({
  url,
  /** All, those of later versions included, where it is left out or null. */
  events: events.nullable().default(null),
});
export const changeWebhook = z.strictObject({
  url: url.optional(),
  events: events.nullable().optional(),
  disabled: z.boolean().optional(),
});
export const rotateWebhook = z.strictObject({
  /** The secret before signs too for this long; 0 where it became known to somebody. */
  overlap_s: z.number().int().min(0).max(limits.webhook.overlapSMax).default(limits.webhook.overlapSDefault),
});

export const webhookView = z.object({
  id: objectId,
  url: z.string(),
  events: z.array(z.enum(webhookTypes)).nullable(),
  /** Of a callback: the only migration whose events it gets. */
  migration_id: objectId.nullable(),
  status: z.enum(['enabled', 'disabled']),
  /** `gone`: it answered 410. */
  disabled_why: z.enum(['request', 'gone']).nullable(),
  disabled_at: time.nullable(),
  created_at: time,
  /** While two secrets sign: until when. */
  secret_before_until: time.nullable(),
});
/** The secret is shown this once. */
export const webhookWithSecret = webhookView.extend({ secret: z.string() });
export const callbackSecret = z.object({ secret: z.string() });

export const deliveryView = z.object({
  /** The `webhook-id`. */
  event_id: objectId,
  type: z.string(),
  /** The migration, drain or endpoint that it tells of. */
  subject_id: z.string(),
  event_at: time,
  status: z.enum(deliveryStatuses),
  attempts: z.number().int(),
  /** Null once it has ended. While it is being sent: when that counts as lost. */
  next_attempt_at: time.nullable(),
  ended_at: time.nullable(),
  last: z
    .object({
      at: time,
      took_ms: z.number().int(),
      /** Null where there was no answer. */
      answer_status: z.number().int().nullable(),
      error: z.string().nullable(),
      /** First bytes of the answer. */
      answer: z.string().nullable(),
    })
    .nullable(),
});
export const replayed = z.object({ replayed: z.number().int() });

export const webhooksQuery = pageQuery.extend({
  /** The callback of this migration, in place of the registered ones. */
  migration: objectId.optional(),
});
export const deliveriesQuery = pageQuery.extend({ status: z.enum(deliveryStatuses).optional() });

import { z } from 'zod';
import { objectId, pageQuery, time } from './api.ts';
import { limits } from './limits.ts';
import { deliveryStatuses, webhookTypes } from './webhook-events.ts';

/** Requests and responses of `/webhooks`. */

const url = z.string().min(1).max(limits.api.urlCharsMax);
const events = z
  .array(z.enum(webhookTypes))
  .min(1)
  .max(webhookTypes.length)
  .transform((list) => webhookTypes.filter((type) => list.includes(type)));

export const createWebhook = z
  .strictObject({
    url,
    events: events
      .nullable()
      .default(null)
      .describe('All, those of later versions included, where it is left out or null.'),
  })
  .meta({ id: 'CreateWebhook' });
export const changeWebhook = z
  .strictObject({
    url: url.optional(),
    events: events.nullable().optional(),
    disabled: z.boolean().optional(),
  })
  .meta({ id: 'ChangeWebhook' });
export const rotateWebhook = z
  .strictObject({
    overlap_s: z
      .number()
      .int()
      .min(0)
      .max(limits.webhook.overlapSMax)
      .default(limits.webhook.overlapSDefault)
      .describe('The secret before signs too for this long; 0 where it became known to somebody.'),
  })
  .meta({ id: 'RotateWebhook' });

export const webhookView = z
  .object({
    id: objectId,
    url: z.string(),
    events: z.array(z.enum(webhookTypes)).nullable(),
    migration_id: objectId.nullable().describe('Of a callback: the only migration whose events it gets.'),
    status: z.enum(['enabled', 'disabled']),
    disabled_why: z.enum(['request', 'gone']).nullable().describe('`gone`: it answered 410.'),
    disabled_at: time.nullable(),
    created_at: time,
    secret_before_until: time.nullable().describe('While two secrets sign: until when.'),
  })
  .meta({ id: 'Webhook' });
export const webhookWithSecret = webhookView
  .extend({ secret: z.string().describe('Shown this once.') })
  .meta({ id: 'WebhookWithSecret' });
export const callbackSecret = z.object({ secret: z.string() }).meta({ id: 'CallbackSecret' });

export const deliveryView = z
  .object({
    event_id: objectId.describe('The `webhook-id`.'),
    type: z.string(),
    subject_id: z.string().describe('The migration, drain or endpoint that it tells of.'),
    event_at: time,
    status: z.enum(deliveryStatuses),
    attempts: z.number().int(),
    next_attempt_at: time
      .nullable()
      .describe('Null once it has ended. While it is being sent: when that counts as lost.'),
    ended_at: time.nullable(),
    last: z
      .object({
        at: time,
        took_ms: z.number().int(),
        answer_status: z.number().int().nullable().describe('Null where there was no answer.'),
        error: z.string().nullable(),
        answer: z.string().nullable().describe('Its first bytes.'),
      })
      .nullable(),
  })
  .meta({ id: 'Delivery' });
export const replayed = z.object({ replayed: z.number().int() }).meta({ id: 'Replayed' });

export const webhooksQuery = pageQuery.extend({
  migration: objectId.optional().describe('The callback of this migration, in place of the registered ones.'),
});
export const deliveriesQuery = pageQuery.extend({
  status: z.enum(deliveryStatuses).optional().describe('`dead`: given up after the last try.'),
});

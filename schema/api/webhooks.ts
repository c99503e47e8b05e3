import { z } from 'zod';
import { limits } from '../limits.ts';
import { deliveryStatuses, webhookTypes } from '../webhook-events.ts';
import { objectId, pageQuery, time } from './common.ts';

/** `/webhooks`. */

const url = z.string().min(1).max(limits.api.urlCharsMax);
const events = z
  .array(z.enum(webhookTypes))
  .min(1)
  .max(webhookTypes.length)
  .transform((list) => webhookTypes.filter((type) => list.includes(type)));

export const createWebhook = z
  .strictObject({
    url,
    events: events.nullable().default(null).describe('Default and null: all, including those of later versions.'),
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
      .describe('How long the previous secret signs as well; 0 if it has leaked.'),
  })
  .meta({ id: 'RotateWebhook' });

export const webhookView = z
  .object({
    id: objectId,
    url: z.string(),
    events: z.array(z.enum(webhookTypes)).nullable(),
    migration_id: objectId.nullable().describe('For a callback: the only migration whose events it gets.'),
    status: z.enum(['enabled', 'disabled']),
    disabled_why: z.enum(['request', 'gone']).nullable().describe('`gone`: the endpoint answered 410.'),
    disabled_at: time.nullable(),
    created_at: time,
    secret_before_until: time.nullable().describe('End of the time during which the previous secret signs as well.'),
  })
  .meta({ id: 'Webhook' });
export const webhookWithSecret = webhookView
  .extend({ secret: z.string().describe('Returned only here.') })
  .meta({ id: 'WebhookWithSecret' });
export const callbackSecret = z.object({ secret: z.string() }).meta({ id: 'CallbackSecret' });

export const deliveryView = z
  .object({
    event_id: objectId.describe('The `webhook-id`.'),
    type: z.string(),
    subject_id: z.string().describe('The migration, drain or endpoint it reports on.'),
    event_at: time,
    status: z.enum(deliveryStatuses),
    attempts: z.number().int(),
    next_attempt_at: time.nullable().describe('Null after the end. During a call: when the call counts as lost.'),
    ended_at: time.nullable(),
    last: z
      .object({
        at: time,
        took_ms: z.number().int(),
        answer_status: z.number().int().nullable().describe('Null without an answer.'),
        error: z.string().nullable(),
        answer: z.string().nullable().describe('First bytes of the answer.'),
      })
      .nullable(),
  })
  .meta({ id: 'Delivery' });
export const replayed = z.object({ replayed: z.number().int() }).meta({ id: 'Replayed' });

export const webhooksQuery = pageQuery.extend({
  migration: objectId.optional().describe('List the callback of this migration instead of the registered ones.'),
});
export const deliveriesQuery = pageQuery.extend({
  status: z.enum(deliveryStatuses).optional().describe('`dead`: dead letter after the last try.'),
});

import { z } from 'zod';
import { limits } from '../limits.ts';
import { deliveryStatuses, webhookTypes } from '../webhook-events.ts';
import { type WebhookKind, webhookKindFacts, webhookKinds } from '../webhook-kinds.ts';
import { objectId, pageQuery, time } from './common.ts';

/** `/webhooks`. */

const url = z.string().min(1).max(limits.api.urlCharsMax);
const events = z
  .array(z.enum(webhookTypes))
  .min(1)
  .max(webhookTypes.length)
  .transform((list) => webhookTypes.filter((type) => list.includes(type)));

const line = z.string().min(3).max(limits.notification.emailAddressCharsMax);
const emailAddresses = z
  .strictObject({
    from: line
      .regex(/^[^\p{Cc}\p{Cf}]*[^\s@<>]+@[^\s@<>]+>?$/u, 'an address, or "Name <address>"')
      .describe('The sender, `ops@example.com` or `Stackferry <ops@example.com>`: one that the API may send for.'),
    to: z.array(z.email().max(limits.notification.emailAddressCharsMax)).min(1).max(limits.notification.emailsMax),
  })
  .meta({ id: 'EmailAddresses' });
export type EmailAddresses = z.infer<typeof emailAddresses>;

const token = z
  .string()
  .max(limits.notification.tokenCharsMax)
  .regex(/^[\x21-\x7e]+$/, 'visible ASCII characters');

interface KindFields {
  token: string | null | undefined;
  email: EmailAddresses | null | undefined;
}

/** What a kind lacks, or has too much. `undefined` leaves a field unchanged. */
export function kindIssues(kind: WebhookKind, { token, email }: KindFields): { path: string; message: string }[] {
  const { token: wanted, tokenHint } = webhookKindFacts[kind];
  const issues: { path: string; message: string }[] = [];
  if (wanted === 'required' && token === null) issues.push({ path: 'token', message: `needed: ${tokenHint}` });
  if (wanted === 'none' && token) issues.push({ path: 'token', message: `a webhook of the kind ${kind} has none` });
  if (kind === 'email' && email === null) issues.push({ path: 'email', message: 'needed: from and to' });
  if (kind !== 'email' && email) issues.push({ path: 'email', message: 'only for the kind email' });
  return issues;
}

export const createWebhook = z
  .strictObject({
    url,
    events: events
      .nullable()
      .default(null)
      .describe(
        'Default and null: all, including those of later versions. A kind for people gets all but `migration.cutover`, which comes together with `migration.completed` or `migration.rolled_back`.',
      ),
    kind: z.enum(webhookKinds).default('standard').describe('`standard`: signed events. Others: messages to people.'),
    token: token.nullable().default(null).describe('For `gotify` and `email`, and for a protected topic of `ntfy`.'),
    email: emailAddresses.nullable().default(null).describe('For `email` only, which needs it.'),
  })
  .superRefine(({ kind, token, email }, { addIssue }) => {
    for (const { path, message } of kindIssues(kind, { token, email }))
      addIssue({ code: 'custom', path: [path], message });
  })
  .meta({ id: 'CreateWebhook' });
export const changeWebhook = z
  .strictObject({
    url: url.optional(),
    events: events.nullable().optional(),
    token: token
      .nullable()
      .optional()
      .describe('Replaces the one before; null removes it, where the kind can do without.'),
    email: emailAddresses.optional(),
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
    kind: z.enum(webhookKinds).default('standard'),
    url: z.string().describe('Without its secret part if it has one (`slack`, `discord`, `ntfy`).'),
    events: z.array(z.enum(webhookTypes)).nullable(),
    email: emailAddresses.nullable().default(null),
    migration_id: objectId.nullable().describe('For a callback: the only migration whose events it gets.'),
    status: z.enum(['enabled', 'disabled']),
    disabled_why: z.enum(['request', 'gone']).nullable().describe('`gone`: the endpoint answered 410.'),
    disabled_at: time.nullable(),
    created_at: time,
    secret_before_until: time.nullable().describe('End of the time during which the previous secret signs as well.'),
  })
  .meta({ id: 'Webhook' });
export const webhookWithSecret = webhookView
  .extend({ secret: z.string().nullable().describe('Returned only here. Null for a kind that is not signed.') })
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

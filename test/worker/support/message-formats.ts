import { z } from 'zod';
import type { NotificationKind } from '../../../schema/webhook-kinds.ts';
import type { Heard } from '../../support/receiver-script.ts';

/**
 * What each service takes, as its documentation says: api.slack.com/reference/block-kit and /messaging/webhooks,
 * discord.com/developers/docs/resources/webhook, docs.ntfy.sh/publish, gotify.net/api-docs and /docs/msgextras,
 * resend.com/docs/api-reference/emails. Fields that we do not send are left out, and any other is an error.
 */
const plainText = z.strictObject({
  type: z.literal('plain_text'),
  text: z.string().min(1).max(3_000),
  emoji: z.boolean(),
});
const slack = z.strictObject({
  text: z.string().min(1).max(40_000),
  mrkdwn: z.literal(false),
  unfurl_links: z.literal(false),
  blocks: z
    .array(
      z.union([
        z.strictObject({ type: z.literal('section'), text: plainText }),
        z.strictObject({
          type: z.literal('context'),
          elements: z
            .array(z.strictObject({ type: z.literal('mrkdwn'), text: z.string().min(1).max(3_000) }))
            .min(1)
            .max(10),
        }),
      ]),
    )
    .min(1)
    .max(50),
});
const discord = z.strictObject({
  content: z.string().min(1).max(2_000),
  allowed_mentions: z.strictObject({ parse: z.array(z.never()) }),
  embeds: z
    .array(
      z.strictObject({
        title: z.string().max(256),
        url: z.url({ protocol: /^https?$/ }),
        description: z.string().min(1).max(4_096).optional(),
        color: z.number().int().min(0).max(0xffffff),
        timestamp: z.iso.datetime(),
      }),
    )
    .max(10)
    .refine((embeds) => JSON.stringify(embeds).length <= 6_000, 'all embeds together'),
});
const bytesAtMost = (max: number) => (text: string) => new TextEncoder().encode(text).length <= max;
const ntfy = z.strictObject({
  topic: z.string().regex(/^[-_A-Za-z0-9]{1,64}$/),
  title: z.string().min(1).refine(bytesAtMost(250)),
  message: z.string().min(1).refine(bytesAtMost(4_096)),
  priority: z.number().int().min(1).max(5),
  tags: z.array(z.string().regex(/^[a-z0-9_+-]+$/)),
  click: z.url({ protocol: /^https?$/ }),
});
const gotify = z.strictObject({
  title: z.string().min(1),
  message: z.string().min(1),
  priority: z.number().int().min(0).max(10),
  extras: z.strictObject({
    'client::display': z.strictObject({ contentType: z.literal('text/plain') }),
    'client::notification': z.strictObject({ click: z.strictObject({ url: z.url({ protocol: /^https?$/ }) }) }),
  }),
});
const email = z.strictObject({
  from: z.string().min(3),
  to: z.array(z.email()).min(1).max(50),
  subject: z.string().regex(/^[^\r\n]{1,998}$/),
  text: z.string().min(1),
});
const bodies = { slack, discord, ntfy, gotify, email } satisfies Record<NotificationKind, z.ZodType>;

/** Headers that a service asks for. */
const headers: Record<NotificationKind, Record<string, RegExp>> = {
  slack: {},
  discord: {},
  ntfy: {},
  gotify: { 'x-gotify-key': /^[A-Za-z0-9._-]+$/ },
  email: { authorization: /^Bearer \S+$/, 'idempotency-key': /^\S{1,256}$/ },
};

export type BodyOf<K extends NotificationKind> = z.infer<(typeof bodies)[K]>;

/** Throws unless the service would take this call. */
export function accepted<K extends NotificationKind>(kind: K, heard: Pick<Heard, 'headers' | 'body'>): BodyOf<K> {
  for (const [name, shape] of Object.entries({ 'content-type': /^application\/json$/, ...headers[kind] }))
    if (!shape.test(heard.headers[name] ?? '')) throw new Error(`${kind}: ${name} is "${heard.headers[name]}"`);
  return bodies[kind].parse(JSON.parse(heard.body)) as BodyOf<K>;
}

import { describe, expect, it } from 'vitest';
import type { MigrationWebhookData, WebhookPayload } from '../../schema/webhook-events.ts';
import { drainWebhooks, migrationWebhooks } from '../../schema/webhook-events.ts';
import { type NotificationKind, webhookKinds } from '../../schema/webhook-kinds.ts';
import { messageOf } from '../../worker/webhooks/notify/message.ts';
import { notifications } from '../../worker/webhooks/notify/notifications.ts';
import { accepted, type BodyOf } from './support/message-formats.ts';

const kinds = webhookKinds.filter((kind) => kind !== 'standard');
const origin = 'https://ferry.example.com';
const at = '2026-01-31T19:20:21.000Z';

const data = (over: Partial<MigrationWebhookData> = {}): MigrationWebhookData => ({
  id: 'mig_1',
  stack: { id: 'stack_1', name: 'shop' },
  source: { id: 'host_1', name: 'old-server' },
  target: { id: 'host_2', name: 'new-server' },
  ...{ mode: 'stop-copy', status: 'completed', created_at: at, ended_at: at, failure: null, attention: null },
  ...{ window_ends_at: '2026-02-03T19:20:21.000Z', clients_use: null, still_coming_per_minute: null, links: {} },
  ...over,
});
const attention = {
  ...{ why: 'old-server does not answer.', source: 'stopped', target: 'unknown', todo: 'Start its agent again.' },
  resolutions: [],
};
const drain = {
  ...{ id: 'drain_1', host: { id: 'host_1', name: 'old-server' }, created_at: at, ended_at: at, links: {} },
  moved: [{ stack: { id: 's', name: 'shop' }, target: { id: 'h', name: 'new-server' }, migration_id: 'mig_1' }],
  stayed: [{ stack: { id: 's', name: 'blog' }, code: 'no_target', message: 'No room.', migration_id: null }],
};
const migration = (type: (typeof migrationWebhooks)[number], over?: Partial<MigrationWebhookData>): WebhookPayload => ({
  ...{ type, timestamp: at },
  data: data(over),
});
const every: WebhookPayload[] = [
  ...migrationWebhooks.map((type) => migration(type, { attention })),
  ...drainWebhooks.map((type): WebhookPayload => ({ type, timestamp: at, data: drain })),
  { type: 'webhook.test', timestamp: at, data: { endpoint_id: 'whk_1' } },
];

/** Throws unless the service would take it. */
function sent<K extends NotificationKind>(kind: K, payload: WebhookPayload): BodyOf<K> {
  const receiver = { url: `https://${kind}.example.com/topic`, token: 'AbC.1-2', email: null };
  const people = { from: 'Stackferry <ferry@example.com>', to: ['ops@example.com'] };
  const email = kind === 'email' ? people : null;
  return accepted(kind, notifications[kind](messageOf('evt_1', payload, origin), { ...receiver, email }));
}

describe('a message for people', () => {
  it.each(kinds)('is taken by %s for every event, and leads to the page', (kind) => {
    for (const payload of every) {
      const page = payload.type.startsWith('drain') ? 'drains/drain_1' : 'migrations/mig_1';
      const link = `${origin}/ui/${payload.type === 'webhook.test' ? 'webhooks/whk_1' : page}`;
      expect(JSON.stringify(sent(kind, payload))).toContain(link);
    }
  });

  it('says what happened to which stack, from where to where', () => {
    const words = every.map((payload) => messageOf('evt_1', payload, origin)).map(({ sentence }) => sentence);
    expect(words).toEqual([
      'shop is moving from old-server to new-server.',
      'shop still runs on old-server; its copy on new-server is kept up to date.',
      'shop has moved from old-server to new-server; it can be rolled back until 2026-02-03 19:20 UTC.',
      'The migration of shop from old-server to new-server failed.',
      'The migration of shop from old-server to new-server was cancelled.',
      'shop was rolled back from new-server to old-server.',
      'From now on clients of shop should use new-server, no longer old-server.',
      'The migration of shop from old-server to new-server needs attention: old-server does not answer.',
      'The migration of shop from old-server to new-server can no longer be rolled back, and old-server still keeps its copy.',
      'The drain of old-server is complete: 1 stack moved.',
      'The drain of old-server failed: 1 stack moved, 1 stayed (blog).',
      'This is a test from Stackferry: its notifications arrive here.',
    ]);
  });

  it('says who still comes when forwarding ends with the window', () => {
    const due = migration('migration.cleanup_due', { still_coming_per_minute: 3 });
    expect(messageOf('evt_1', due, origin).sentence).toMatch(
      /its copy\. 3 connections came to the old address in the last minute; later ones are refused\.$/,
    );
  });

  it('says what to do where somebody has to act, and rings loudest there', () => {
    const urgent = migration('migration.needs_attention', { attention });
    const due = migration('migration.cleanup_due');
    for (const kind of kinds) {
      expect(JSON.stringify(sent(kind, urgent))).toContain('Start its agent again.');
      expect(JSON.stringify(sent(kind, due))).toContain('delete the source');
    }
    const calm = migration('migration.started');
    expect([sent('ntfy', calm).priority, sent('ntfy', urgent).priority]).toEqual([2, 5]);
    expect([sent('gotify', calm).priority, sent('gotify', urgent).priority]).toEqual([2, 9]);
    expect([sent('ntfy', calm).tags, sent('ntfy', urgent).tags]).toEqual([['information_source'], ['rotating_light']]);
  });
});

describe('names and messages of others', () => {
  const hostile =
    '@everyone <!channel> <@U1|x> **b** _i_ `c` [l](https://evil.example) &lt; \u202e\r\nBcc: a@b.example';
  const payload = migration('migration.failed', {
    stack: { id: 's', name: hostile },
    source: { id: 'h', name: hostile },
    failure: { step: 'verifying', code: 'unhealthy', message: hostile },
  });

  it('mention nobody and format nothing in Slack', () => {
    const { text, blocks } = sent('slack', payload);
    const theirs = blocks.flatMap((block) => (block.type === 'section' ? [block.text.text] : []));
    for (const part of [text, ...theirs]) {
      expect(part).not.toMatch(/[<>]|&(?!amp;|lt;|gt;)/);
      expect(part).toContain('&lt;!channel&gt; &lt;@U1|x&gt;');
      expect(part).toContain('&amp;lt;');
    }
  });

  it('mention nobody and format nothing in Discord', () => {
    const { content, allowed_mentions } = sent('discord', payload);
    expect(allowed_mentions).toEqual({ parse: [] });
    expect(content.replace(/\\[^0-9A-Za-z\s]/g, '')).not.toMatch(/[\\`*_~|<>()[\]#@:]/);
    expect(content).toContain('\\@everyone \\<\\!channel\\>');
  });

  it.each(kinds)('stay on one line and in their direction: %s', (kind) => {
    const body = JSON.stringify(sent(kind, payload));
    expect(body).not.toMatch(/\u202e|\\r/);
    if (kind === 'email')
      expect(sent('email', payload).subject).toBe(`${hostile.replace(/\s*\u202e\s*/u, ' ')} did not move`);
  });

  it.each(['&', '@', '<', 'é', '🚢', 'word '])('are cut to what a service takes: "%s"', (part) => {
    const long = part.repeat(20_000);
    for (const type of ['migration.failed', 'migration.needs_attention'] as const)
      for (const kind of kinds) {
        const body = sent(
          kind,
          migration(type, {
            target: { id: 'h', name: long },
            failure: { step: 'verifying', code: 'unhealthy', message: long },
            attention: { ...attention, why: long, todo: long },
          }),
        );
        expect(JSON.stringify(body)).toContain(`${origin}/ui/migrations/mig_1`);
        expect(JSON.stringify(body)).toContain('…');
        expect(JSON.stringify(body)).not.toMatch(/\\ud[89ab]/i);
        if (kind === 'slack') expect(JSON.stringify(body)).not.toMatch(/&(?!amp;|lt;|gt;)/);
      }
  });
});

describe('where a message is posted', () => {
  const to = (kind: NotificationKind, url: string, token: string | null = null) =>
    notifications[kind](messageOf('evt_1', every[0]!, origin), { url, token, email: null });

  it('ntfy: the server, with the topic in the body and the token as a bearer', () => {
    const { url, body, headers } = to('ntfy', 'https://ntfy.example.com:8443/deploys', 'tk_1');
    expect(url).toBe('https://ntfy.example.com:8443/');
    expect(JSON.parse(body).topic).toBe('deploys');
    expect(headers.authorization).toBe('Bearer tk_1');
    expect(to('ntfy', 'https://ntfy.sh/deploys').headers).not.toHaveProperty('authorization');
  });

  it.each([
    ['https://gotify.example.com', 'https://gotify.example.com/message'],
    ['https://example.com/gotify/', 'https://example.com/gotify/message'],
    ['https://example.com/gotify/message', 'https://example.com/gotify/message'],
  ])('Gotify: %s is called at %s', (given, called) => expect(to('gotify', given, 'A1').url).toBe(called));
});

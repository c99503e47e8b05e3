import { cutoverWebhook, type WebhookType } from './webhook-events.ts';

/**
 * What an endpoint is. `standard` receives signed events as JSON; every other kind is a service for people, and gets
 * each event as a message in that service's format.
 */
export const webhookKinds = ['standard', 'slack', 'discord', 'ntfy', 'gotify', 'email'] as const;
export type WebhookKind = (typeof webhookKinds)[number];
export type NotificationKind = Exclude<WebhookKind, 'standard'>;

interface KindFacts {
  label: string;
  /** Which URL to give. */
  url: string;
  token: 'none' | 'optional' | 'required';
  /** Where its token is found; empty if it has none. */
  tokenHint: string;
  /** The last part of the URL's path lets anybody post (or read), so it is kept as a secret and shown as `***`. */
  secretUrl: boolean;
}

export const webhookKindFacts: Record<WebhookKind, KindFacts> = {
  standard: {
    label: 'Signed JSON (Standard Webhooks)',
    url: 'the address of your receiver',
    ...{ token: 'none', tokenHint: '', secretUrl: false },
  },
  slack: {
    label: 'Slack',
    url: 'an incoming webhook of your Slack app: https://hooks.slack.com/services/…',
    ...{ token: 'none', tokenHint: '', secretUrl: true },
  },
  discord: {
    label: 'Discord',
    url: 'the channel’s webhook URL: https://discord.com/api/webhooks/…',
    ...{ token: 'none', tokenHint: '', secretUrl: true },
  },
  ntfy: {
    label: 'ntfy',
    url: 'the topic: https://ntfy.sh/your-topic',
    ...{ token: 'optional', tokenHint: 'an access token (tk_…), if the topic is protected', secretUrl: true },
  },
  gotify: {
    label: 'Gotify',
    url: 'the server: https://gotify.example.com',
    ...{ token: 'required', tokenHint: 'the token of an application', secretUrl: false },
  },
  email: {
    label: 'Email, through an HTTP API',
    url: 'the API’s address for sending: https://api.resend.com/emails',
    ...{ token: 'required', tokenHint: 'an API key', secretUrl: false },
  },
};

/** The URL as it may be stored and shown: without its secret part. */
export function shownUrl(kind: WebhookKind, url: string): string {
  if (!webhookKindFacts[kind].secretUrl) return url;
  const shown = new URL(url);
  shown.search = '';
  shown.pathname = shown.pathname.replace(/[^/]+\/*$/, '***');
  return shown.href;
}

/** The events that an endpoint gets. */
export const eventsSay = ({ kind, events }: { kind: WebhookKind; events: WebhookType[] | null }): string =>
  events?.join(', ') ?? (kind === 'standard' ? 'all' : `all but ${cutoverWebhook}`);

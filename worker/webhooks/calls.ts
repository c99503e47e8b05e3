import type { WebhookPayload } from '../../schema/webhook-events.ts';
import { type NotificationKind, webhookKindFacts } from '../../schema/webhook-kinds.ts';
import { fleetOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import type { Claim } from '../store/deliveries.ts';
import type { EndpointRow } from '../store/webhooks.ts';
import { messageOf } from './notify/message.ts';
import { notifications } from './notify/notifications.ts';
import type { Outgoing } from './notify/outgoing.ts';
import { signatures } from './signing-secret.ts';

export interface Call extends Outgoing {
  /** Parts of it that must not be recorded, should the receiver repeat them. */
  secrets: string[];
}

/** Returns the call of a claimed delivery, or null if a secret that it needs is not here. `at`: epoch milliseconds. */
export async function callOf(env: Env, { endpoint, event_id, payload }: Claim, at: number): Promise<Call | null> {
  const { kind } = endpoint;
  if (kind === 'standard') return signedCall(env, endpoint, event_id, payload, at);
  return notificationCall(env, endpoint, kind, event_id, JSON.parse(payload) as WebhookPayload);
}

async function signedCall(env: Env, endpoint: EndpointRow, id: string, payload: string, at: number): Promise<Call> {
  const timestamp = Math.floor(at / 1000);
  const headers = {
    'content-type': 'application/json',
    'webhook-id': id,
    'webhook-timestamp': String(timestamp),
    'webhook-signature': await signatures(await signingSecrets(env, endpoint, at), id, timestamp, payload),
  };
  return { url: endpoint.url, headers, body: payload, secrets: [] };
}

async function notificationCall(
  env: Env,
  endpoint: EndpointRow,
  kind: NotificationKind,
  id: string,
  payload: WebhookPayload,
): Promise<Call | null> {
  const { secretUrl, token: wanted } = webhookKindFacts[kind];
  const credential = await fleetOf(env).webhookCredential(endpoint.id);
  const url = secretUrl ? credential?.url : endpoint.url;
  const token = credential?.token ?? null;
  if (!url || (wanted === 'required' && token === null)) return null;
  const message = messageOf(id, payload, env.PUBLIC_URL ?? endpoint.origin ?? '');
  const outgoing = notifications[kind](message, { url, token, email: endpoint.email });
  const lastOfPath = new URL(url).pathname.split('/').findLast((part) => part !== '');
  const secrets = [...(secretUrl ? [url, lastOfPath] : []), token].filter((one) => typeof one === 'string');
  return { ...outgoing, secrets };
}

/** The newest secret first; the previous one too while it is valid. */
async function signingSecrets(
  env: Env,
  { secret_name, secret_generation, secret_before_until }: EndpointRow,
  now: number,
): Promise<string[]> {
  const both = secret_before_until !== null && secret_before_until > now;
  const generations = both ? [secret_generation, secret_generation - 1] : [secret_generation];
  return Promise.all(generations.map((generation) => fleetOf(env).webhookSecret(secret_name, generation)));
}

import { limits } from '../../schema/limits.ts';
import { fleetOf } from '../durable-objects.ts';
import type { DeliveryId, Env } from '../env.ts';
import { log } from '../log.ts';
import { type Claim, claimDelivery, recordAttempt } from '../store/deliveries.ts';
import { disableEndpoint, type EndpointRow } from '../store/webhooks.ts';
import { judgeReply } from './retry-schedule.ts';
import { send } from './send.ts';

/**
 * The queue's consumer. A message only names a delivery; its row decides whether it is due, so messages may be lost,
 * repeated or late. The messages of a batch are sent in parallel; wrangler.toml keeps a batch below the six connections
 * that the platform allows per invocation.
 */
export async function deliverBatch(batch: MessageBatch<DeliveryId>, env: Env): Promise<void> {
  await Promise.all(
    batch.messages.map(async (message) => {
      try {
        await deliver(env, message.body);
        message.ack();
      } catch (error) {
        log.error('a webhook delivery could not be worked on', { ...message.body, error });
        message.retry();
      }
    }),
  );
}

/**
 * Claims, sends, records. If it dies in between, the claim expires and the sweep finds the row again: at least once,
 * never two at the same time.
 */
async function deliver(env: Env, id: DeliveryId): Promise<void> {
  const at = Date.now();
  const claim = await claimDelivery(env.DB, id, at);
  if (!claim) return;
  const secrets = await secretsOf(env, claim.endpoint, at);
  const call = { url: claim.endpoint.url, id: id.event_id, payload: claim.payload, secrets };
  const reply = await send(call, env.DEVELOPMENT === 'true', at);
  const now = Date.now();
  const { status, nextAt, error, gone } = judgeReply(reply, claim.tries, now, Math.random());
  const answered = reply.kind === 'answered' ? reply : null;
  const last = {
    at,
    took_ms: now - at,
    answer_status: answered?.status ?? null,
    error,
    answer: answered?.answer ?? null,
  };
  await recordAttempt(env.DB, claim, { ...last, status, nextAt });
  if (gone) await disableEndpoint(env.DB, id.endpoint_id, 'gone', now);
  if (nextAt !== null) await queueRetry(env, claim, nextAt - now);
}

/** The newest secret first; the previous one too while it is valid. */
async function secretsOf(
  env: Env,
  { secret_name, secret_generation, secret_before_until }: EndpointRow,
  now: number,
): Promise<string[]> {
  const both = secret_before_until !== null && secret_before_until > now;
  const generations = both ? [secret_generation, secret_generation - 1] : [secret_generation];
  return Promise.all(generations.map((generation) => fleetOf(env).webhookSecret(secret_name, generation)));
}

/** Only for a punctual retry: the sweep would find the delivery some minutes late. */
async function queueRetry(env: Env, { endpoint_id, event_id }: Claim, delayMs: number): Promise<void> {
  if (delayMs > limits.webhook.queueDelayMsMax) return;
  await env.WEBHOOK_QUEUE.send({ endpoint_id, event_id }, { delaySeconds: Math.ceil(delayMs / 1000) });
}

import { limits } from '../../schema/limits.ts';
import type { DeliveryId, Env } from '../env.ts';
import { log } from '../log.ts';
import { type Claim, claimDelivery, recordAttempt } from '../store/deliveries.ts';
import { disableEndpoint } from '../store/webhooks.ts';
import { callOf } from './calls.ts';
import { judgeReply, type Reply } from './retry-schedule.ts';
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
  const call = await callOf(env, claim, at);
  const reply = call ? await send(call, env.DEVELOPMENT === 'true') : credentialMissing;
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

/** Tried again: somebody may set it. */
const credentialMissing: Reply = {
  kind: 'unreachable',
  error: 'The token or the secret URL of this webhook is not stored any more; set it again.',
};

/** Only for a punctual retry: the sweep would find the delivery some minutes late. */
async function queueRetry(env: Env, { endpoint_id, event_id }: Claim, delayMs: number): Promise<void> {
  if (delayMs > limits.webhook.queueDelayMsMax) return;
  await env.WEBHOOK_QUEUE.send({ endpoint_id, event_id }, { delaySeconds: Math.ceil(delayMs / 1000) });
}

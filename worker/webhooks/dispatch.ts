import { limits } from '../../schema/limits.ts';
import type { DeliveryId, Env } from '../env.ts';
import { log } from '../log.ts';
import { deliveriesOf, dueDeliveries } from '../store/deliveries.ts';

/** Queues the deliveries of committed events. Never throws: the sweep finds the rest. */
export async function queueEvents(env: Env, eventIds: string[]): Promise<void> {
  try {
    await queueDeliveries(env, await deliveriesOf(env.DB, eventIds));
  } catch (error) {
    log.warn('webhook events wait for the sweep', { eventIds, error });
  }
}

/** Queues every due delivery; called by cron and after a replay. Returns how many. A duplicate message is harmless. */
export async function queueDue(env: Env, now: number): Promise<number> {
  const due = await dueDeliveries(env.DB, now);
  await queueDeliveries(env, due);
  return due.length;
}

export async function queueDeliveries(env: Env, deliveries: DeliveryId[]): Promise<void> {
  const { queueBatchMax } = limits.webhook;
  for (let from = 0; from < deliveries.length; from += queueBatchMax)
    await env.WEBHOOK_QUEUE.sendBatch(deliveries.slice(from, from + queueBatchMax).map((body) => ({ body })));
}

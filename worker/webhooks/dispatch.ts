import { limits } from '../../schema/limits.ts';
import type { Env } from '../env.ts';
import { log } from '../log.ts';
import { type DeliveryId, deliveriesOf, dueDeliveries } from '../store/deliveries.ts';

/** Into the queue with events that were just committed. Never throws: the sweep finds what is left behind. */
export async function queueEvents(env: Env, eventIds: string[]): Promise<void> {
  try {
    await queueDeliveries(env, await deliveriesOf(env.DB, eventIds));
  } catch (error) {
    log.warn('webhook events wait for the sweep', { eventIds, error });
  }
}

/** Of cron, and after a replay: each undelivered row that is due. One that is in the queue already does no harm. Returns how many. */
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

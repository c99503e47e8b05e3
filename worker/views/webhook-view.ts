import type { z } from 'zod';
import type { deliveryView, webhookView } from '../../schema/api/webhooks.ts';
import type { ListedDelivery } from '../store/deliveries.ts';
import type { EndpointRow } from '../store/webhooks.ts';
import { time, timeOrNull } from '../time.ts';

export function viewWebhook(row: EndpointRow, now: number): z.infer<typeof webhookView> {
  const { id, kind, url, events, email, migration_id, disabled_at, disabled_why, created_at, secret_before_until } =
    row;
  return {
    id,
    kind,
    url,
    events,
    email,
    migration_id,
    status: disabled_at === null ? 'enabled' : 'disabled',
    disabled_why,
    disabled_at: timeOrNull(disabled_at),
    created_at: time(created_at),
    secret_before_until: secret_before_until !== null && secret_before_until > now ? time(secret_before_until) : null,
  };
}

export function viewDelivery({ delivery, event }: ListedDelivery): z.infer<typeof deliveryView> {
  const { last } = delivery;
  return {
    event_id: delivery.event_id,
    type: event.type,
    subject_id: event.subject_id,
    event_at: time(event.at),
    status: delivery.status,
    attempts: delivery.attempts,
    next_attempt_at: timeOrNull(delivery.next_attempt_at),
    ended_at: timeOrNull(delivery.ended_at),
    last: last && { ...last, at: time(last.at) },
  };
}

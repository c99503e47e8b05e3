import { fleetOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';
import { type EndpointRow, loadEndpoint } from '../store/webhooks.ts';
import { viewWebhook } from '../views/webhook-view.ts';

/** Throws 404 if there is none. */
export async function endpoint(env: Env, id: string): Promise<EndpointRow> {
  const row = await loadEndpoint(env.DB, id);
  if (!row) throw absent();
  return row;
}

/** Throws if it is a migration's callback. */
export function registered({ migration_id }: EndpointRow): void {
  if (migration_id === null) return;
  throw new Problem(
    'webhook_is_callback',
    "It is a migration's callback: its URL, events and secret are those of the request. It can only be disabled.",
  );
}

/** Its view as shown once, after it was created or its secret rotated. */
export async function withSecret(env: Env, row: EndpointRow) {
  const signed = row.kind === 'standard';
  const secret = signed ? await fleetOf(env).webhookSecret(row.secret_name, row.secret_generation) : null;
  return { ...viewWebhook(row, Date.now()), secret };
}

export const absent = () => new Problem('not_found', 'There is no such webhook endpoint.');

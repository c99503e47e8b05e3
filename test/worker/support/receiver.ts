import { env } from 'cloudflare:workers';
import { Webhook } from 'standardwebhooks';
import { vi } from 'vitest';
import type { WebhookPayload } from '../../../schema/webhook-events.ts';
import { runSchedules } from '../../../worker/cron/schedule.ts';
import { type Heard, receiverControl, type Script } from '../../support/receiver-script.ts';
import { type Answer, bindings, call } from './api.ts';

/** A receiver of a test's own, at the real server outside, and what happens to deliveries. */

export async function newReceiver(script: Script = {}) {
  const host = `receiver-${crypto.randomUUID()}.example.com`;
  const ask = async (body: object): Promise<Heard[]> => {
    const response = await fetch(`http://${receiverControl}/`, { method: 'POST', body: JSON.stringify(body) });
    return response.json();
  };
  await ask({ host, script });
  return {
    url: `https://${host}/hook`,
    heard: () => ask({ host }),
    /** 500 to each body that has this in it, from now on. */
    refuse: (part: string) => ask({ host, refuse: part }),
    /** From now on; forgets what was heard. */
    answer: (next: Script) => ask({ host, script: next }),
  };
}

/** As a receiver's own code would: the library verifies the signature and its age. Throws where either is wrong. */
export function verified(secret: string, { body, headers }: Heard): { id: string; event: WebhookPayload } {
  const event = new Webhook(secret).verify(body, headers) as WebhookPayload;
  return { id: headers['webhook-id'] ?? '', event };
}

export interface Endpoint {
  id: string;
  secret: string;
  /** By event, newest first. */
  deliveries(query?: string): Promise<Answer['body'][]>;
  /** Its only delivery, once it has come to `state`. */
  delivery(state: Record<string, unknown>): Promise<Answer['body']>;
  act(what: string, body?: object): Promise<Answer>;
}

export async function register(token: string, url: string, events: string[] | null = null): Promise<Endpoint> {
  const { status, body } = await call('POST', '/api/v1/webhooks', { token, body: { url, events } });
  if (status !== 201) throw new Error(`register: ${status} ${JSON.stringify(body)}`);
  return endpointOf(token, body.id, body.secret);
}

export function endpointOf(token: string, id: string, secret: string): Endpoint {
  const path = `/api/v1/webhooks/${id}`;
  const deliveries = async (query = '') => {
    const items: Answer['body'][] = [];
    for (let cursor = ''; ; ) {
      const page = await call('GET', `${path}/deliveries?limit=200${query}${cursor}`, { token });
      items.push(...page.body.items);
      if (page.body.next_cursor === null) return items;
      cursor = `&cursor=${page.body.next_cursor}`;
    }
  };
  const delivery = (state: Record<string, unknown>) =>
    vi.waitFor(async () => {
      const items = await deliveries();
      if (items.length !== 1 || !Object.entries(state).every(([name, value]) => items[0][name] === value))
        throw new Error(`not yet ${JSON.stringify(state)}: ${JSON.stringify(items)}`);
      return items[0];
    }, arriving);
  return { id, secret, deliveries, delivery, act: (what, body) => call('POST', `${path}/${what}`, { token, body }) };
}

/** What waits for its next try waits no longer; cron then finds it. */
export async function passTime(): Promise<void> {
  await env.DB.prepare("UPDATE webhook_delivery SET next_attempt_at = 0 WHERE status = 'pending'").run();
  await sweep();
}

/** Cron, at a tick that is no full hour. */
export async function sweep(): Promise<void> {
  const hour = 3_600_000;
  await runSchedules(bindings, Math.floor(Date.now() / hour) * hour + hour / 2);
}

/** The queue hands on a batch after a second at the latest. */
export const arriving = { timeout: 30_000, interval: 50 };

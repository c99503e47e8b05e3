import type { OpenAPIHono } from '@hono/zod-openapi';
import { limits } from '../../schema/limits.ts';
import { metricsContentType, metricsText } from '../../schema/metrics-text.ts';
import type { Authed } from '../auth/authed.ts';
import { requires } from '../auth/bearer.ts';
import { log } from '../log.ts';
import { countFleet, touchDatabase } from '../store/fleet-counts.ts';
import { keptAnswer } from '../store/kept-answer.ts';
import { viewMetrics } from '../views/metrics-view.ts';

/**
 * `/healthz` and `/readyz` for load balancers and uptime checks, without credentials; `/metrics` for Prometheus, with a token
 * that may read. What they cost is bounded however often they are called: an isolate asks the database for each at most once
 * per `limits.observe.…KeepMs`.
 */
export function observeRoutes(app: OpenAPIHono<Authed>): void {
  const ready = keptAnswer<boolean>(limits.observe.readyKeepMs);
  const metrics = keptAnswer<string>(limits.observe.metricsKeepMs);

  app.get('/healthz', (c) => c.json({ status: 'ok' }, 200, noStore));
  app.get('/readyz', async (c) => {
    if (await ready(c.env.DB, () => answers(c.env.DB))) return c.json({ status: 'ready' }, 200, noStore);
    return c.json({ status: 'not_ready', waiting_for: ['database'] }, 503, noStore);
  });
  app.get('/metrics', requires('read'), async (c) => {
    const text = await metrics(c.env.DB, async () => metricsText(viewMetrics(await countFleet(c.env.DB, Date.now()))));
    return c.body(text, 200, { ...noStore, 'content-type': metricsContentType });
  });
}

const noStore = { 'cache-control': 'no-store' };

async function answers(db: D1Database): Promise<boolean> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new Error('no answer in time')), limits.observe.readyMsMax);
  });
  try {
    await Promise.race([touchDatabase(db), late]);
    return true;
  } catch (error) {
    log.error('the database does not answer', { error });
    return false;
  } finally {
    if (timer) clearTimeout(timer);
  }
}

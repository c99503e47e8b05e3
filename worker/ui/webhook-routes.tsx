import type { Context } from 'hono';
import { deliveriesQuery } from '../../schema/api/webhooks.ts';
import { everyItem, type Page, type ProblemBody } from './call.ts';
import { type Form, formOf } from './forms.ts';
import { acting, type Kit, type Said, saidOf, show } from './kit.ts';
import { WebhookPage } from './pages/webhook.tsx';
import { WebhooksPage } from './pages/webhooks.tsx';
import type { Ui } from './session.ts';
import { only } from './stack-routes.tsx';
import type { DeliveryView, WebhookView, WebhookWithSecret } from './views.ts';

/** Pages of webhooks: endpoints, secrets, deliveries. */
export function webhookPages({ ui, api }: Kit): void {
  const list = async (c: Context<Ui>, problem?: ProblemBody) => {
    const webhooks = await everyItem<WebhookView>(api(c), '/webhooks');
    return show(c, <WebhooksPage session={c.get('session')} {...{ webhooks, problem }} said={saidOf(c)} />);
  };
  const path = (c: Context<Ui>) => `/webhooks/${encodeURIComponent(c.req.param('id') ?? '')}`;
  const page = async (c: Context<Ui>, more: { problem?: ProblemBody; secret?: string | null; id?: string } = {}) => {
    const place = more.id ? `/webhooks/${more.id}` : path(c);
    const query = only(new URL(c.req.url).searchParams, ...Object.keys(deliveriesQuery.shape));
    const [webhook, deliveries] = await Promise.all([
      api(c).get<WebhookView>(place),
      api(c).get<Page<DeliveryView>>(`${place}/deliveries?${query}`),
    ]);
    const { problem, secret } = more;
    const session = c.get('session');
    return show(c, <WebhookPage {...{ session, webhook, deliveries, query, problem, secret }} said={saidOf(c)} />);
  };

  ui.get('/webhooks', (c) => list(c));
  ui.get('/webhooks/:id', (c) => page(c));

  ui.post('/webhooks', async (c) => {
    const form = await formOf(c, c.get('session'));
    const events = form.fields.getAll('event');
    return acting(
      c,
      async () => {
        const kind = form.text('kind') || 'standard';
        const to = form
          .text('to')
          .split(/[\s,;]+/)
          .filter((address) => address !== '');
        const request = {
          ...{ url: form.text('url'), kind, token: form.text('token') || null },
          email: kind === 'email' ? { from: form.text('from'), to } : null,
          events: events.length > 0 ? events : null,
        };
        const { id, secret } = await api(c).post<WebhookWithSecret>('/webhooks', request, form.once);
        // Without a secret there is nothing to show only once.
        return secret === null ? `/ui/webhooks/${id}?said=webhook_registered` : page(c, { id, secret });
      },
      (problem) => list(c, problem),
    );
  });

  ui.post('/webhooks/:id/rotate', async (c) => {
    const form = await formOf(c, c.get('session'));
    return acting(
      c,
      async () => {
        const request = form.on('leaked') ? { overlap_s: 0 } : {};
        const { secret } = await api(c).post<WebhookWithSecret>(`${path(c)}/rotate`, request, form.once);
        return page(c, { secret });
      },
      (problem) => page(c, { problem }),
    );
  });

  const act = (name: string, said: Said, run: (c: Context<Ui>, form: Form) => Promise<unknown>, back = path) =>
    ui.post(`/webhooks/:id/${name}`, async (c) => {
      const form = await formOf(c, c.get('session'));
      return acting(
        c,
        async () => {
          await run(c, form);
          return `/ui${back(c)}?said=${said}`;
        },
        (problem) => page(c, { problem }),
      );
    });
  act('test', 'webhook_tested', (c, { once }) => api(c).post(`${path(c)}/test`, {}, once));
  act('replay', 'replayed', (c, { once }) => api(c).post(`${path(c)}/replay`, {}, once));
  act('disable', 'webhook_changed', (c) => api(c).patch(path(c), { disabled: true }));
  act('enable', 'webhook_changed', (c) => api(c).patch(path(c), { disabled: false }));
  act(
    'delete',
    'webhook_deleted',
    (c) => api(c).delete(path(c)),
    () => '/webhooks',
  );
  act('deliveries/:event/replay', 'replayed', (c, { once }) =>
    api(c).post(`${path(c)}/deliveries/${encodeURIComponent(c.req.param('event') ?? '')}/replay`, {}, once),
  );
}

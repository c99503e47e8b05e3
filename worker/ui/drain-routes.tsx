import type { Context } from 'hono';
import { type DrainPlanView, type DrainView, drainsQuery } from '../../schema/api/drains.ts';
import type { MigrationView, ProgressView } from '../../schema/api/migrations.ts';
import { everyBind } from '../../schema/bind-choice.ts';
import type { Page, ProblemBody } from './call.ts';
import { consentsIn, consentsOf } from './consents.ts';
import { confirmed, formOf } from './forms.ts';
import { acting, type Kit, type Said, saidOf, show } from './kit.ts';
import { ownOptionsIn, perStackOf } from './own-options.ts';
import { DrainPage } from './pages/drain.tsx';
import { DrainPlanPage } from './pages/drain-plan.tsx';
import { DrainsPage } from './pages/drains.tsx';
import type { Ui } from './session.ts';
import { hostOf, only } from './stack-routes.tsx';
import type { DrainWish, HostView } from './views.ts';

/** The options of a drain, from a query or a form. */
const wishOf = (fields: URLSearchParams): DrainWish => ({
  target: fields.get('target') ?? '',
  pack: fields.get('pack') === 'on',
  mode: fields.get('mode') ?? 'stop-copy',
  max_parallel: fields.get('max_parallel') ?? '',
  every_bind: fields.get('every_bind') === 'on',
  ...consentsIn((name) => fields.get(name)),
  own: ownOptionsIn(fields),
});

const requestOf = ({ target, pack, mode, max_parallel, every_bind, own, ...wish }: DrainWish) => ({
  ...(target === '' ? {} : { target_host_id: target }),
  ...(max_parallel === '' ? {} : { max_parallel: Number(max_parallel) }),
  pack,
  mode,
  binds: every_bind ? [everyBind] : [],
  ...consentsOf(wish),
  per_stack: perStackOf(own),
});

/** Pages of drains: plan, start, progress, acts. */
export function drainPages({ ui, api }: Kit): void {
  ui.get('/drains', async (c) => {
    const query = only(new URL(c.req.url).searchParams, ...Object.keys(drainsQuery.shape));
    const page = await api(c).get<Page<DrainView>>(`/drains?${query}`);
    return show(c, <DrainsPage session={c.get('session')} {...{ page, query }} />);
  });

  const hostPath = (c: Context<Ui>) => `/hosts/${encodeURIComponent(c.req.param('id') ?? '')}`;
  const plan = async (c: Context<Ui>, wish: DrainWish, problem?: ProblemBody) => {
    const host = await api(c).get<HostView>(hostPath(c));
    const session = c.get('session');
    const made = await api(c)
      .post<DrainPlanView>(`${hostPath(c)}/drain`, { ...requestOf(wish), dry_run: true })
      .catch((error: unknown) => {
        // The page with the original problem is shown without a plan.
        if (problem) return null;
        throw error;
      });
    return show(c, <DrainPlanPage {...{ session, host, wish, plan: made, problem }} />);
  };

  ui.get('/hosts/:id/drain', async (c) => {
    const wish = wishOf(new URL(c.req.url).searchParams);
    return acting(
      c,
      () => plan(c, wish),
      (problem) => plan(c, wish, problem),
    );
  });

  ui.post('/hosts/:id/drain', async (c) => {
    const form = await formOf(c, c.get('session'));
    const wish = wishOf(form.fields);
    return acting(
      c,
      async () => {
        confirmed(form, (await api(c).get<HostView>(hostPath(c))).name);
        const started = await api(c).post<DrainView>(`${hostPath(c)}/drain`, requestOf(wish), form.once);
        return `/ui/drains/${started.id}`;
      },
      (problem) => plan(c, wish, problem),
    );
  });

  const drainPath = (c: Context<Ui>) => `/drains/${encodeURIComponent(c.req.param('id') ?? '')}`;
  const page = async (c: Context<Ui>, problem?: ProblemBody) => {
    const drain = await api(c).get<DrainView>(drainPath(c));
    const host = await hostOf(api(c), drain.host.id);
    const moving = drain.stacks.flatMap(({ status, migration_id }) =>
      status === 'moving' && migration_id ? [migration_id] : [],
    );
    // At most as many as may move at once.
    const progress = new Map(
      await Promise.all(
        moving.map(async (id): Promise<[string, ProgressView | null]> => {
          const migration = await api(c)
            .get<MigrationView>(`/migrations/${id}`)
            .catch(() => null);
          return [id, migration?.progress ?? null];
        }),
      ),
    );
    return show(c, <DrainPage session={c.get('session')} {...{ drain, host, progress, problem }} said={saidOf(c)} />);
  };
  ui.get('/drains/:id', (c) => page(c));

  for (const [act, said] of [
    ['pause', 'paused'],
    ['resume', 'resumed'],
    ['abort', 'aborting'],
  ] satisfies [string, Said][])
    ui.post(`/drains/:id/${act}`, async (c) => {
      const form = await formOf(c, c.get('session'));
      const body = act === 'abort' ? { cancel_running: form.on('cancel_running') } : {};
      return acting(
        c,
        async () => {
          await api(c).post(`${drainPath(c)}/${act}`, body, form.once);
          return `/ui${drainPath(c)}?said=${said}`;
        },
        (problem) => page(c, problem),
      );
    });
}

import type { Context } from 'hono';
import { type MigrationView, migrationsQuery, type TrafficView } from '../../schema/api/migrations.ts';
import { takesConnections } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';
import { isTerminal } from '../../schema/migration-status.ts';
import { Problem } from '../problem.ts';
import { newestEvents } from '../store/migration-list.ts';
import { within } from '../time.ts';
import type { Page, ProblemBody } from './call.ts';
import { byteRateIn, confirmed, type Form, formOf } from './forms.ts';
import { acting, type Kit, type Said, saidOf, show } from './kit.ts';
import { MigrationPage } from './pages/migration.tsx';
import { MigrationsPage } from './pages/migrations.tsx';
import type { Ui } from './session.ts';
import { hostOf, only } from './stack-routes.tsx';

/** Pages of migrations: list, live view, acts. */
export function migrationPages({ ui, api }: Kit): void {
  ui.get('/migrations', async (c) => {
    const query = only(new URL(c.req.url).searchParams, ...Object.keys(migrationsQuery.shape));
    const page = await api(c).get<Page<MigrationView>>(`/migrations?${query}`);
    return show(c, <MigrationsPage session={c.get('session')} {...{ page, query }} />);
  });

  const one = (c: Context<Ui>) =>
    api(c).get<MigrationView>(`/migrations/${encodeURIComponent(c.req.param('id') ?? '')}`);

  /** Its hosts, without deleted ones. */
  const sidesOf = async (c: Context<Ui>, { source_host_id, target_host_id }: MigrationView) => {
    const hosts = await Promise.all([source_host_id, target_host_id].map((id) => hostOf(api(c), id)));
    return hosts.filter((host) => host !== null);
  };

  /** Null if nothing is forwarded, or the source does not answer soon. */
  const trafficOf = async (c: Context<Ui>, { id, forwarding }: MigrationView) => {
    if (!takesConnections(forwarding)) return null;
    const asked = api(c)
      .get<TrafficView>(`/migrations/${id}/traffic`)
      .catch(() => null);
    return await within(limits.ui.trafficWaitMsMax, asked);
  };

  const page = async (c: Context<Ui>, problem?: ProblemBody) => {
    const migration = await one(c);
    const [events, hosts, traffic] = await Promise.all([
      newestEvents(c.env.DB, migration.id, limits.ui.eventsMax),
      isTerminal(migration.status) ? [] : sidesOf(c, migration),
      trafficOf(c, migration),
    ]);
    const session = c.get('session');
    return show(c, <MigrationPage {...{ session, migration, hosts, traffic, events, problem }} said={saidOf(c)} />);
  };

  ui.get('/migrations/:id', (c) => page(c));

  // The API's answer without what is not a receipt: a link sends no token.
  ui.get('/migrations/:id/receipt.json', async (c) => {
    const { id, stack, source_host, target_host, downtime, receipt } = await one(c);
    if (!receipt) throw new Problem('not_found', 'It has no receipt: it was not completed.');
    c.header('content-disposition', `attachment; filename="${id}.json"`);
    return c.json({ id, stack, source_host, target_host, downtime, receipt });
  });

  ui.get('/migrations/:id/events', (c) => {
    const last = c.req.header('last-event-id') ?? c.req.query('after');
    const path = `/migrations/${encodeURIComponent(c.req.param('id'))}/events`;
    return api(c).raw('GET', path, last ? { 'last-event-id': last } : {});
  });

  const act = (
    name: string,
    said: Said | null,
    run: (c: Context<Ui>, migration: MigrationView, form: Form) => Promise<unknown>,
    typed: (form: Form) => boolean = () => true,
  ) =>
    ui.post(`/migrations/:id/${name}`, async (c) => {
      const form = await formOf(c, c.get('session'));
      return acting(
        c,
        async () => {
          const migration = await one(c);
          if (typed(form)) confirmed(form, migration.stack.name);
          await run(c, migration, form);
          return `/ui/migrations/${migration.id}${said ? `?said=${said}` : ''}`;
        },
        (problem) => page(c, problem),
      );
    });
  const remove =
    (side: 'source' | 'target') =>
    (c: Context<Ui>, { id, stack }: MigrationView) =>
      api(c).delete(`/stacks/${encodeURIComponent(stack.name)}/migrate/${id}/${side}`);

  act(
    'cancel',
    // The page's own sentence says what happens now, until it is done.
    null,
    (c, { id }, { once }) => api(c).post(`/migrations/${id}/cancel`, {}, once),
    () => false,
  );
  act(
    'cutover',
    'cutting_over',
    (c, { id }, { once }) => api(c).post(`/migrations/${id}/cutover`, {}, once),
    () => false,
  );
  act(
    'end-forwarding',
    'forwarding_ended',
    (c, { id }) => api(c).delete(`/migrations/${id}/forwarding`),
    () => false,
  );
  act('rollback', 'rolling_back', (c, { id }, { once }) => api(c).post(`/migrations/${id}/rollback`, {}, once));
  act('delete-source', 'source_deleted', remove('source'));
  act('delete-target', 'target_deleted', remove('target'));
  act(
    'bandwidth',
    'bandwidth_changed',
    (c, { id }, form) =>
      api(c).patch(`/migrations/${id}`, { bandwidth_limit: byteRateIn(form.text('bandwidth_limit')) }),
    () => false,
  );
  act(
    'retry',
    'retrying',
    (c, { id }, { once }) => api(c).post(`/migrations/${id}/retry`, {}, once),
    () => false,
  );
  // A wrong decision about a lost host leads to two running copies, so the stack's name must be typed.
  act('resolve', 'resolved', (c, { id }, form) =>
    api(c).post(`/migrations/${id}/resolve`, { resolution: form.text('resolution') }, form.once),
  );
}

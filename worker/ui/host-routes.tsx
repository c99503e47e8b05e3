import type { Context } from 'hono';
import type { DrainView } from '../../schema/api/drains.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { nodesQuery } from '../../schema/api/nodes.ts';
import { limits } from '../../schema/limits.ts';
import { publicOrigin } from '../views/public-origin.ts';
import { everyItem, type Page, type ProblemBody } from './call.ts';
import { confirmed, formOf } from './forms.ts';
import { acting, type Kit, type Said, saidOf, show } from './kit.ts';
import { HostPage } from './pages/host.tsx';
import { HostsPage } from './pages/hosts.tsx';
import type { Ui } from './session.ts';
import { only } from './stack-routes.tsx';
import type { CreatedNode, HostView, Joining, RelayView, StackView } from './views.ts';

/** Pages of hosts and relays: list, joining, cordon, deletion. */
export function hostPages({ ui, api }: Kit): void {
  const list = async (c: Context<Ui>, more: { problem?: ProblemBody; joining?: Joining } = {}) => {
    const query = only(new URL(c.req.url).searchParams, ...Object.keys(nodesQuery.shape));
    const [page, relays] = await Promise.all([
      api(c).get<Page<HostView>>(`/hosts?${query}`),
      api(c).get<Page<RelayView>>(`/relays?limit=${limits.control.pageSizeMax}`),
    ]);
    return show(
      c,
      <HostsPage
        session={c.get('session')}
        {...{ page, query, relays }}
        leavingRelay={c.req.query('delete')}
        {...more}
        said={saidOf(c)}
      />,
    );
  };
  const page = async (c: Context<Ui>, problem?: ProblemBody) => {
    const id = encodeURIComponent(c.req.param('id') ?? '');
    const [host, stacks, drains, kept] = await Promise.all([
      api(c).get<HostView>(`/hosts/${id}`),
      // A host has at most a few hundred.
      everyItem<StackView>(api(c), '/stacks', { host: id }),
      api(c).get<Page<DrainView>>(`/drains?limit=10&host=${id}`),
      api(c).get<Page<MigrationView>>(`/migrations?kept=true&host=${id}`),
    ]);
    const session = c.get('session');
    return show(c, <HostPage {...{ session, host, stacks, drains: drains.items, kept, problem }} said={saidOf(c)} />);
  };

  ui.get('/hosts', (c) => list(c));
  ui.get('/hosts/:id', (c) => page(c));

  for (const kind of ['host', 'relay'] as const) {
    ui.post(`/${kind}s`, async (c) => {
      const form = await formOf(c, c.get('session'));
      return acting(
        c,
        async () => {
          const created = await api(c).post<CreatedNode>(`/${kind}s`, { name: form.text('name') }, form.once);
          return list(c, { joining: { kind, created, control: publicOrigin(c) } });
        },
        (problem) => list(c, { problem }),
      );
    });

    ui.post(`/${kind}s/:id/delete`, async (c) => {
      const form = await formOf(c, c.get('session'));
      const path = `/${kind}s/${encodeURIComponent(c.req.param('id'))}`;
      return acting(
        c,
        async () => {
          confirmed(form, (await api(c).get<{ name: string }>(path)).name);
          await api(c).delete(path);
          return `/ui/hosts?said=${kind}_deleted`;
        },
        (problem) => (kind === 'host' && problem.code !== 'not_found' ? page(c, problem) : list(c, { problem })),
      );
    });
  }

  ui.post('/hosts/:id/join-token', async (c) => {
    const { once } = await formOf(c, c.get('session'));
    return acting(
      c,
      async () => {
        const path = `/hosts/${encodeURIComponent(c.req.param('id'))}/join-token`;
        const created = await api(c).post<CreatedNode>(path, {}, once);
        return list(c, { joining: { kind: 'host', created, again: true, control: publicOrigin(c) } });
      },
      (problem) => page(c, problem),
    );
  });

  for (const [act, said] of [
    ['cordon', 'cordoned'],
    ['uncordon', 'uncordoned'],
  ] satisfies [string, Said][])
    ui.post(`/hosts/:id/${act}`, async (c) => {
      const { once } = await formOf(c, c.get('session'));
      const id = encodeURIComponent(c.req.param('id'));
      return acting(
        c,
        async () => {
          await api(c).post(`/hosts/${id}/${act}`, {}, once);
          return `/ui/hosts/${id}?said=${said}`;
        },
        (problem) => page(c, problem),
      );
    });
}

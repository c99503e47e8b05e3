import type { Context } from 'hono';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { stacksQuery } from '../../schema/api/stacks.ts';
import type { Report } from '../../schema/preflight-report.ts';
import { type Api, everyItem, type Page, type ProblemBody } from './call.ts';
import { consentsIn, consentsOf } from './consents.ts';
import { byteRateOf, formOf } from './forms.ts';
import { acting, type Kit, problemOf, saidOf, show } from './kit.ts';
import { ChoosePage } from './pages/choose.tsx';
import { NamesakesPage } from './pages/namesakes.tsx';
import { ReviewPage } from './pages/review.tsx';
import { StackPage } from './pages/stack.tsx';
import { StacksPage } from './pages/stacks.tsx';
import { placeField } from './parts/bind-mounts.tsx';
import { patternsIn } from './parts/exclusion.tsx';
import type { Ui } from './session.ts';
import { settingsIn } from './variable-fields.ts';
import type { HostView, StackView, Wanted } from './views.ts';

export const hostsOf = (api: Api) => everyItem<HostView>(api, '/hosts');
const segment = (text: string | undefined) => encodeURIComponent(text ?? '');

/** Pages of stacks: list, one stack, and the steps to its migration: destination, review, start. */
export function stackPages({ ui, api }: Kit): void {
  ui.get('/stacks', async (c) => {
    const query = only(new URL(c.req.url).searchParams, ...Object.keys(stacksQuery.shape));
    const page = await api(c).get<Page<StackView>>(`/stacks?${query}`);
    // Only these: each is asked whether it is online.
    const ids = [...new Set(page.items.map(({ host_id }) => host_id))];
    const hosts = await Promise.all(
      ids.map((id) =>
        api(c)
          .get<HostView>(`/hosts/${id}`)
          .catch(() => null),
      ),
    );
    const some = ids.length > 0 || (await api(c).get<Page<HostView>>('/hosts?limit=1')).items.length > 0;
    const shown = { page, query, hosts: hosts.filter((host) => host !== null), hasHosts: some };
    return show(c, <StacksPage session={c.get('session')} {...shown} />);
  });

  const stackOf = (c: Context<Ui>, name: string, from: string | undefined) =>
    api(c).get<StackView>(`/stacks/${segment(name)}${from ? `?source_host_id=${segment(from)}` : ''}`);

  ui.get('/stacks/:name', async (c) => {
    const name = c.req.param('name');
    const hosts = await hostsOf(api(c));
    try {
      const stack = await stackOf(c, name, c.req.query('from'));
      const listed = await api(c).get<Page<MigrationView>>(`/migrations?stack=${segment(name)}&limit=20`);
      const migrations = listed.items.filter((migration) => migration.stack.id === stack.id);
      return show(c, <StackPage session={c.get('session')} {...{ stack, hosts, migrations }} said={saidOf(c)} />);
    } catch (error) {
      const problem = await problemOf(error);
      if (problem?.code !== 'stack_ambiguous') throw error;
      return show(c, <NamesakesPage session={c.get('session')} name={name} ids={problem.hosts ?? []} hosts={hosts} />);
    }
  });

  ui.get('/stacks/:name/migrate', async (c) => {
    const [stack, hosts] = await Promise.all([stackOf(c, c.req.param('name'), c.req.query('from')), hostsOf(api(c))]);
    return show(c, <ChoosePage session={c.get('session')} {...{ stack, hosts }} wanted={wantedOf(queryOf(c))} />);
  });

  /** The review page, with the report of the problem or a new one. */
  const review = async (c: Context<Ui>, wanted: Wanted, problem?: ProblemBody, status?: 422) => {
    const [stack, hosts] = await Promise.all([stackOf(c, c.req.param('name') ?? '', wanted.from), hostsOf(api(c))]);
    const report =
      problem?.report ??
      (await api(c).post<Report>(`/stacks/${segment(stack.name)}/migrate/preflight`, {
        ...inputsOf(wanted),
        source_host_id: stack.host_id,
      }));
    const shown = problem?.code === 'preflight_failed' ? undefined : problem;
    return show(
      c,
      <ReviewPage session={c.get('session')} {...{ stack, hosts, report, wanted }} problem={shown} />,
      status,
    );
  };

  ui.get('/stacks/:name/migrate/review', async (c) => {
    const wanted = wantedOf(queryOf(c));
    return acting(
      c,
      () => review(c, wanted),
      async (problem) => {
        const [stack, hosts] = await Promise.all([stackOf(c, c.req.param('name'), wanted.from), hostsOf(api(c))]);
        return show(c, <ChoosePage session={c.get('session')} {...{ stack, hosts, wanted, problem }} />);
      },
    );
  });

  ui.post('/stacks/:name/migrate', async (c) => {
    const form = await formOf(c, c.get('session'));
    const wanted = wantedOf(form.fields);
    const number = (name: string) => (form.text(name) === '' ? {} : { [name]: Number(form.text(name)) });
    const text = (name: string) => (form.text(name) === '' ? {} : { [name]: form.text(name) });
    return acting(
      c,
      async () => {
        const bandwidth_limit = byteRateOf(form, 'bandwidth_limit');
        const started = await api(c).post<MigrationView>(
          `/stacks/${segment(c.req.param('name'))}/migrate`,
          {
            ...inputsOf(wanted),
            source_host_id: wanted.from,
            ...text('verify'),
            ...number('health_timeout_s'),
            ...text('callback_url'),
            ...(bandwidth_limit === null ? {} : { bandwidth_limit }),
          },
          form.once,
        );
        return `/ui/migrations/${started.id}`;
      },
      (problem) => review(c, wanted, problem),
    );
  });
}

/** The options of a migration, from a query or a form. */
const wantedOf = (fields: URLSearchParams): Wanted => ({
  target: fields.get('target') ?? '',
  from: fields.get('from') || undefined,
  mode: fields.get('mode') ?? 'stop-copy',
  sizing: fields.get('sizing') ?? 'host',
  ...consentsIn((name) => fields.get(name)),
  binds: fields.getAll('bind').map((path) => {
    const place = fields.get(placeField(path))?.trim() ?? '';
    return place === '' || place === path ? path : `${path}=${place}`;
  }),
  env: settingsIn(fields),
  exclude: patternsIn(fields.get('exclude')),
  cutover_dns: patternsIn(fields.get('cutover_dns')),
});

const queryOf = (c: Context<Ui>) => new URL(c.req.url).searchParams;

const inputsOf = ({ target, mode, sizing, binds, env, exclude, cutover_dns, ...wanted }: Wanted) => ({
  target_host_id: target,
  mode,
  sizing,
  binds,
  env,
  exclude,
  cutover_dns,
  ...consentsOf(wanted),
});

/** Returns the query fields that the API accepts, without the empty ones that forms send. */
export function only(query: URLSearchParams, ...names: string[]): URLSearchParams {
  return new URLSearchParams([...query].filter(([name, value]) => names.includes(name) && value !== ''));
}

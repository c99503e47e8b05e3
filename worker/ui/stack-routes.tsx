import type { Context } from 'hono';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { stacksQuery } from '../../schema/api/stacks.ts';
import { limits } from '../../schema/limits.ts';
import type { Report } from '../../schema/preflight-report.ts';
import type { Api, Page, ProblemBody } from './call.ts';
import { consentsOf } from './consents.ts';
import { needsOf } from './destinations.ts';
import { byteRateIn, formOf } from './forms.ts';
import { acting, type Kit, problemOf, saidOf, show } from './kit.ts';
import { ChoosePage } from './pages/choose.tsx';
import { NamesakesPage } from './pages/namesakes.tsx';
import { ReviewPage } from './pages/review.tsx';
import { StackPage } from './pages/stack.tsx';
import { StacksPage } from './pages/stacks.tsx';
import type { Ui } from './session.ts';
import type { HostView, StackView, Wanted } from './views.ts';
import { wantedOf } from './wanted.ts';

const segment = (text: string | undefined) => encodeURIComponent(text ?? '');

/** Null if it was deleted. Its own object says whether it is online. */
export const hostOf = (api: Api, id: string): Promise<HostView | null> =>
  api.get<HostView>(`/hosts/${segment(id)}`).catch(() => null);

const hostsOf = async (api: Api, query: Record<string, string>): Promise<HostView[]> =>
  (await api.get<Page<HostView>>(`/hosts?${new URLSearchParams(query)}`)).items;

/** Pages of stacks: list, one stack, and the steps to its migration: destination, review, start. */
export function stackPages({ ui, api }: Kit): void {
  ui.get('/stacks', async (c) => {
    const query = only(new URL(c.req.url).searchParams, ...Object.keys(stacksQuery.shape));
    const page = await api(c).get<Page<StackView>>(`/stacks?${query}`);
    const hasHosts = page.items.length > 0 || (await hostsOf(api(c), { limit: '1' })).length > 0;
    return show(c, <StacksPage session={c.get('session')} {...{ page, query, hasHosts }} />);
  });

  const stackOf = (c: Context<Ui>, name: string, from: string | undefined) =>
    api(c).get<StackView>(`/stacks/${segment(name)}${from ? `?source_host_id=${segment(from)}` : ''}`);

  ui.get('/stacks/:name', async (c) => {
    const name = c.req.param('name');
    const session = c.get('session');
    try {
      const stack = await stackOf(c, name, c.req.query('from'));
      const [host, open, joined, listed] = await Promise.all([
        hostOf(api(c), stack.host_id),
        // Two: one of them may be its own.
        hostsOf(api(c), { status: 'online', cordoned: 'false', limit: '2' }),
        hostsOf(api(c), { sort: 'seen', order: 'desc', limit: '6' }),
        api(c).get<Page<MigrationView>>(`/migrations?stack=${segment(name)}&limit=20`),
      ]);
      const migrations = listed.items.filter((migration) => migration.stack.id === stack.id);
      const newest = migrations[0] && (await api(c).get<MigrationView>(`/migrations/${migrations[0].id}`));
      const elsewhere = (hosts: HostView[]) => hosts.filter(({ id }) => id !== stack.host_id);
      const others = elsewhere(joined).filter(({ status }) => status !== 'pending');
      const shown = { stack, host, others, isOpen: elsewhere(open).length > 0, migrations };
      return show(c, <StackPage {...{ session, ...shown }} report={newest?.report ?? null} said={saidOf(c)} />);
    } catch (error) {
      const problem = await problemOf(error);
      if (problem?.code !== 'stack_ambiguous') throw error;
      const found = await api(c).get<Page<StackView>>(
        `/stacks?search=${segment(name)}&limit=${limits.control.pageSizeMax}`,
      );
      const stacks = found.items.filter((stack) => stack.name === name);
      return show(c, <NamesakesPage {...{ session, name, stacks }} isWhole={found.next_cursor === null} />);
    }
  });

  const choose = async (c: Context<Ui>, wanted: Wanted, problem?: ProblemBody) => {
    const find = c.req.query('find')?.trim() ?? '';
    const ranked = { sort: 'memory', order: 'desc', limit: String(limits.control.pageSizeMax) };
    const [stack, found] = await Promise.all([
      stackOf(c, c.req.param('name') ?? '', wanted.from),
      hostsOf(api(c), { ...ranked, ...(find === '' ? {} : { search: find }) }),
    ]);
    const isAbsent = wanted.target !== '' && find === '' && !found.some(({ id }) => id === wanted.target);
    const asked = isAbsent ? await hostOf(api(c), wanted.target) : null;
    const hosts = asked ? [...found, asked] : found;
    const needs = needsOf(await hostOf(api(c), stack.host_id));
    const session = c.get('session');
    return show(
      c,
      <ChoosePage {...{ session, stack, hosts, needs, wanted, find }} {...(problem ? { problem } : {})} />,
    );
  };

  ui.get('/stacks/:name/migrate', (c) => choose(c, wantedOf(queryOf(c))));

  /** The review page, with the report of the problem or a new one. */
  const review = async (c: Context<Ui>, wanted: Wanted, problem?: ProblemBody, status?: 422) => {
    const stack = await stackOf(c, c.req.param('name') ?? '', wanted.from);
    const [source, target] = await Promise.all([hostOf(api(c), stack.host_id), hostOf(api(c), wanted.target)]);
    const report =
      problem?.report ??
      (await api(c).post<Report>(`/stacks/${segment(stack.name)}/migrate/preflight`, {
        ...inputsOf(wanted),
        source_host_id: stack.host_id,
      }));
    const shown = problem?.code === 'preflight_failed' ? undefined : problem;
    const of = { stack, target, hostNeeds: needsOf(source), report, wanted };
    return show(c, <ReviewPage session={c.get('session')} {...of} problem={shown} />, status);
  };

  ui.get('/stacks/:name/migrate/review', async (c) => {
    const wanted = wantedOf(queryOf(c));
    return acting(
      c,
      () => review(c, wanted),
      (problem) => choose(c, wanted, problem),
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
        const started = await api(c).post<MigrationView>(
          `/stacks/${segment(c.req.param('name'))}/migrate`,
          {
            ...inputsOf(wanted),
            source_host_id: wanted.from,
            ...text('verify'),
            ...number('health_timeout_s'),
            ...text('callback_url'),
          },
          form.once,
        );
        return `/ui/migrations/${started.id}`;
      },
      (problem) => review(c, wanted, problem),
    );
  });
}

const queryOf = (c: Context<Ui>) => new URL(c.req.url).searchParams;

/** Throws `invalid_request` if the limit is no rate. */
const inputsOf = ({ target, mode, sizing, binds, env, exclude, cutover_dns, bandwidth_limit, ...wanted }: Wanted) => ({
  target_host_id: target,
  mode,
  sizing,
  binds,
  env,
  exclude,
  cutover_dns,
  bandwidth_limit: byteRateIn(bandwidth_limit) ?? undefined,
  ...consentsOf(wanted),
});

/** Returns the query fields that the API accepts, without the empty ones that forms send. */
export function only(query: URLSearchParams, ...names: string[]): URLSearchParams {
  return new URLSearchParams([...query].filter(([name, value]) => names.includes(name) && value !== ''));
}

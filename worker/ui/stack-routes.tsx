import type { Context } from 'hono';
import type { z } from 'zod';
import type { hostView, MigrationView, stackView } from '../../schema/api.ts';
import type { Report } from '../../schema/preflight-report.ts';
import { type Api, everyItem, type Page, type ProblemBody } from './call.ts';
import { byteRateOf, formOf } from './forms.ts';
import { acting, type Kit, problemOf, saidOf, show } from './kit.ts';
import { ChoosePage } from './pages/choose.tsx';
import { NamesakesPage } from './pages/namesakes.tsx';
import { ReviewPage } from './pages/review.tsx';
import { StackPage } from './pages/stack.tsx';
import { StacksPage } from './pages/stacks.tsx';
import type { Ui } from './session.ts';

export type HostView = z.infer<typeof hostView>;
export type StackView = z.infer<typeof stackView>;

export const hostsOf = (api: Api) => everyItem<HostView>(api, '/hosts');
const segment = (text: string | undefined) => encodeURIComponent(text ?? '');

/** Stacks: list, one of them, and the way to its migration: destination, review, go. */
export function stackPages({ ui, api }: Kit): void {
  ui.get('/stacks', async (c) => {
    const query = new URL(c.req.url).searchParams;
    const [page, hosts] = await Promise.all([
      api(c).get<Page<StackView>>(`/stacks?${only(query, 'cursor')}`),
      hostsOf(api(c)),
    ]);
    return show(c, <StacksPage session={c.get('session')} page={page} hosts={hosts} />);
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
    return show(c, <ChoosePage session={c.get('session')} {...{ stack, hosts }} wanted={wantedOf(c.req.query())} />);
  });

  /** The review of this wish, with the report in hand or one that is made now. */
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
    const wanted = wantedOf(c.req.query());
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
    const wanted = wantedOf(Object.fromEntries(form.fields));
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

/** What somebody wants of a migration, as it stands in an address or a form. */
export interface Wanted {
  target: string;
  from: string | undefined;
  mode: string;
  sizing: string;
  accept_unmoved: boolean;
}

const wantedOf = (fields: Record<string, string>): Wanted => ({
  target: fields.target ?? '',
  from: fields.from || undefined,
  mode: fields.mode ?? 'stop-copy',
  sizing: fields.sizing ?? 'host',
  accept_unmoved: fields.accept_unmoved === 'on',
});

const inputsOf = ({ target, mode, sizing, accept_unmoved }: Wanted) => ({
  target_host_id: target,
  mode,
  sizing,
  accept_unmoved,
});

/** Those of the address's fields that the API is asked with; empty ones are left out, as forms send them. */
export function only(query: URLSearchParams, ...names: string[]): URLSearchParams {
  return new URLSearchParams([...query].filter(([name, value]) => names.includes(name) && value !== ''));
}

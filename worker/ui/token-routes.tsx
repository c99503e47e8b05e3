import type { Context } from 'hono';
import type { z } from 'zod';
import type { createdToken } from '../../schema/api/access.ts';
import { pageQuery } from '../../schema/api/common.ts';
import type { Page, ProblemBody } from './call.ts';
import { confirmed, formOf } from './forms.ts';
import { acting, type Kit, saidOf, show } from './kit.ts';
import { TokensPage } from './pages/tokens.tsx';
import { can, type Ui } from './session.ts';
import { only } from './stack-routes.tsx';
import type { TokenView } from './views.ts';

/** The page of API tokens, and of people who have logged in. It needs `admin`, as in the API. */
export function tokenPages({ ui, api }: Kit): void {
  const path = (id: string) => `/tokens/${encodeURIComponent(id)}`;
  const list = async (c: Context<Ui>, more: { problem?: ProblemBody; created?: string } = {}) => {
    const session = c.get('session');
    const query = only(new URL(c.req.url).searchParams, ...Object.keys(pageQuery.shape));
    const asked = c.req.query('revoke');
    const [page, leaving] = can(session, 'admin')
      ? await Promise.all([
          api(c).get<Page<TokenView>>(`/tokens?${query}`),
          asked
            ? api(c)
                .get<TokenView>(path(asked))
                .catch(() => null)
            : null,
        ])
      : [null, null];
    return show(c, <TokensPage {...{ session, page, query, leaving, ...more }} said={saidOf(c)} />);
  };

  ui.get('/tokens', (c) => list(c));

  ui.post('/tokens', async (c) => {
    const form = await formOf(c, c.get('session'));
    const days = form.text('days');
    return acting(
      c,
      async () => {
        const request = {
          name: form.text('name'),
          scopes: [form.text('scope')],
          ...(days === '' ? {} : { expires_in_s: Number(days) * 24 * 3_600 }),
        };
        const { token } = await api(c).post<z.infer<typeof createdToken>>('/tokens', request, form.once);
        return list(c, { created: token });
      },
      (problem) => list(c, { problem }),
    );
  });

  ui.post('/tokens/:id/revoke', async (c) => {
    const form = await formOf(c, c.get('session'));
    const id = c.req.param('id');
    return acting(
      c,
      async () => {
        const { name, kind } = await api(c).get<TokenView>(path(id));
        confirmed(form, name.trim());
        await api(c).delete(path(id));
        return `/ui/tokens?said=${kind}_revoked`;
      },
      (problem) => list(c, { problem }),
    );
  });

  ui.post('/tokens/:id/restore', async (c) => {
    const form = await formOf(c, c.get('session'));
    return acting(
      c,
      async () => {
        await api(c).post(`${path(c.req.param('id'))}/restore`, {}, form.once);
        return '/ui/tokens?said=person_restored';
      },
      (problem) => list(c, { problem }),
    );
  });
}

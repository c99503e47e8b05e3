import type { Context } from 'hono';
import type { z } from 'zod';
import type { createdToken } from '../../schema/api/access.ts';
import { everyItem, type ProblemBody } from './call.ts';
import { confirmed, formOf } from './forms.ts';
import { acting, type Kit, saidOf, show } from './kit.ts';
import { TokensPage } from './pages/tokens.tsx';
import { can, type Ui } from './session.ts';
import type { TokenView } from './views.ts';

/** The page of API tokens. It needs `admin`, as in the API. */
export function tokenPages({ ui, api }: Kit): void {
  const list = async (c: Context<Ui>, more: { problem?: ProblemBody; created?: string } = {}) => {
    const tokens = can(c.get('session'), 'admin') ? await everyItem<TokenView>(api(c), '/tokens') : null;
    return show(
      c,
      <TokensPage
        session={c.get('session')}
        tokens={tokens}
        revoke={c.req.query('revoke')}
        {...more}
        said={saidOf(c)}
      />,
    );
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
        const token = (await everyItem<TokenView>(api(c), '/tokens')).find((one) => one.id === id);
        confirmed(form, token?.name.trim() ?? '');
        await api(c).delete(`/tokens/${encodeURIComponent(id)}`);
        return '/ui/tokens?said=token_revoked';
      },
      (problem) => list(c, { problem }),
    );
  });
}

import { expect, it } from 'vitest';
import { call, tokenWith } from './support/api.ts';
import { createNode } from './support/node.ts';
import { logIn, request } from './support/ui.ts';

it('the audit says in words what was done, and what was only tried', async () => {
  const token = await tokenWith(['admin']);
  const { id } = await createNode(token, 'host', 'old-server');
  await call('POST', `/api/v1/hosts/${id}/cordon`, { token, body: {} });
  const taken = await call('POST', '/api/v1/hosts', { token, body: { name: 'old-server' } });
  expect(taken.body.code).toBe('name_taken');
  const cookie = await logIn(token);
  const html = await (await request('/ui/audit', { headers: { cookie } })).text();
  for (const words of ['logged in', 'added a host', 'cordoned a host', 'tried: added a host', 'name_taken'])
    expect(html).toContain(`>${words}<`);
});

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

it('the audit is filtered by its form, whole days in UTC, and downloaded as the filters say', async () => {
  const token = await tokenWith(['admin']);
  const { id } = await createNode(token, 'host', 'old-server');
  await createNode(token, 'relay', 'r');
  const cookie = await logIn(token);
  const page = async (path: string) => {
    const answer = await request(path, { headers: { cookie } });
    return { status: answer.status, headers: answer.headers, text: await answer.text() };
  };
  const shown = async (query: string) => (await page(`/ui/audit?${query}`)).text;
  expect(await shown('kind=relays')).toContain('>added a relay<');
  expect(await shown('kind=relays')).not.toContain('>added a host<');
  expect(await shown(`host=${id}`)).toContain('>added a host<');
  expect(await shown(`host=${id}`)).not.toContain('>added a relay<');
  const today = new Date().toISOString().slice(0, 10);
  expect(await shown(`from=${today}&to=${today}`)).toContain('>added a host<');
  expect(await shown('from=2020-01-01&to=2020-01-02')).toContain('No entries match these filters');
  expect((await page('/ui/audit?from=soon')).status).toBe(422);
  expect(await shown(`kind=relays&from=${today}`)).toContain(
    `/ui/audit/export?kind=relays&amp;from=${today}&amp;format=csv`,
  );

  const file = await page(`/ui/audit/export?kind=relays&from=${today}&format=csv`);
  expect(file.headers.get('content-disposition')).toContain('stackferry-audit.csv');
  expect(file.text.trimEnd().split('\n')).toHaveLength(2);
  expect(file.text).toContain('POST /api/v1/relays');
});

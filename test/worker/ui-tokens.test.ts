import { env } from 'cloudflare:workers';
import { expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { personId } from '../../worker/auth/oidc/who.ts';
import { recordPerson } from '../../worker/store/people.ts';
import { call, tokenWith } from './support/api.ts';
import { logIn, request, submit } from './support/ui.ts';

async function visit() {
  const token = await tokenWith(['admin']);
  const cookie = await logIn(token);
  const page = async (path: string) => {
    const answer = await request(path, { headers: { cookie } });
    return { status: answer.status, text: await answer.text() };
  };
  const send = async (path: string, fields: Record<string, string> = {}) => {
    const csrf = /name="csrf" value="([^"]+)"/.exec((await page('/ui/tokens')).text)?.[1] ?? '';
    return submit(path, new URLSearchParams({ csrf, once: crypto.randomUUID(), ...fields }), cookie);
  };
  return { token, page, send };
}

/** Ids in order, as of tokens created one after another. */
const idOf = (n: number) => `tok_01m84szym4tvg03p2mz6yz${String(n).padStart(4, '0')}`;

it('more tokens than a page may ask for are shown in pages, and each is revoked; the audit opens too', async () => {
  const { token, page, send } = await visit();
  const count = limits.ui.pagesMax * limits.control.pageSizeMax + 1;
  await env.DB.prepare(
    `WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?)
    INSERT INTO api_token (id, name, hash, scopes, created_at)
    SELECT printf('tok_01m84szym4tvg03p2mz6yz%04d', i), 'robot ' || i, 'hash ' || i, '["read"]', i FROM n`,
  )
    .bind(count)
    .run();
  const first = await page('/ui/tokens?limit=200');
  expect([first.status, first.text.includes('robot 7<'), first.text.includes('robot 250<')]).toEqual([
    200,
    true,
    false,
  ]);
  const next = /href="(\/ui\/tokens\?[^"]*cursor=[^"]*)">\s*Next page/.exec(first.text)?.[1]?.replaceAll('&amp;', '&');
  expect((await page(next!)).text).toContain('robot 250<');
  expect((await page('/ui/audit')).status).toBe(200);

  expect((await page(`/ui/tokens?revoke=${idOf(count)}`)).text).toContain(`Revokes the token <strong>robot ${count}<`);
  const wrong = await send(`/ui/tokens/${idOf(count)}/revoke`, { confirm: 'robot 1' });
  expect(wrong.status).toBe(422);
  const gone = await send(`/ui/tokens/${idOf(count)}/revoke`, { confirm: `robot ${count}` });
  expect(gone.headers.get('location')).toBe('/ui/tokens?said=token_revoked');
  expect((await call('GET', `/api/v1/tokens/${idOf(count)}`, { token })).body.status).toBe('revoked');
});

it('a person is told from a token, revoked until restored, and restored', async () => {
  const { token, page, send } = await visit();
  const name = 'ann@example.com';
  const id = await personId('https://id.example.com', '1');
  await recordPerson(env.DB, { id, name, scopes: ['read'] }, Date.now());
  const status = async () => (await call('GET', `/api/v1/tokens/${id}`, { token })).body.status;
  const listed = (await page('/ui/tokens')).text;
  expect(listed.match(/logs in at the provider/g)).toHaveLength(1);
  const asked = (await page(`/ui/tokens?revoke=${id}`)).text;
  expect(asked).toContain('until an admin restores the access');
  expect(asked).not.toContain('permanently');
  const gone = await send(`/ui/tokens/${id}/revoke`, { confirm: name });
  expect([gone.headers.get('location'), await status()]).toEqual(['/ui/tokens?said=person_revoked', 'revoked']);
  expect((await page('/ui/tokens?said=person_revoked')).text).toContain('all sessions have ended');
  expect((await page('/ui/tokens')).text).toContain(`action="/ui/tokens/${id}/restore"`);
  const back = await send(`/ui/tokens/${id}/restore`);
  expect([back.headers.get('location'), await status()]).toEqual(['/ui/tokens?said=person_restored', 'active']);
  expect((await page('/ui/tokens')).text).not.toContain('/restore"');
});

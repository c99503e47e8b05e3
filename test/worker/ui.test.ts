import { env } from 'cloudflare:workers';
import { drizzle } from 'drizzle-orm/d1';
import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { forgetExpiredSessions } from '../../worker/store/ui-sessions.ts';
import { uiSession } from '../../worker/tables/access.ts';
import { tokenWith } from './support/api.ts';
import { logIn, request } from './support/ui.ts';

const visit = (cookie: string) => request('/ui/stacks', { headers: { cookie, accept: 'text/html' } });
const rows = () => drizzle(env.DB).select().from(uiSession).all();

describe('a session of the web UI', () => {
  it('keeps neither the token nor the cookie in the database', async () => {
    const token = await tokenWith(['read']);
    const cookie = await logIn(token);
    expect((await visit(cookie)).status).toBe(200);
    const stored = JSON.stringify(await rows());
    expect(stored).not.toContain(token);
    expect(stored).not.toContain(cookie.split('=')[1]);
  });

  it('ends when its time is over: the login page says so, and where one was', async () => {
    const cookie = await logIn(await tokenWith(['read']));
    await drizzle(env.DB)
      .update(uiSession)
      .set({ expires_at: Date.now() - 1 });
    const answer = await visit(cookie);
    expect(answer.status).toBe(303);
    expect(answer.headers.get('location')).toBe('/ui/login?ended=1');
    expect(answer.headers.get('set-cookie')).toContain('Max-Age=0');
    const asked = await request('/ui/hosts', { headers: { cookie, accept: 'text/html' } });
    expect(asked.headers.get('location')).toBe('/ui/login?next=%2Fui%2Fhosts&ended=1');
    expect(await forgetExpiredSessions(env.DB, Date.now())).toBe(1);
    expect(await rows()).toEqual([]);
  });

  it('never outlives its token, and lasts half a day at most', async () => {
    const expires_at = Date.now() + 60_000;
    await logIn(await tokenWith(['read'], { expires_at }));
    const [short] = await rows();
    expect(short?.expires_at).toBe(expires_at);
    await drizzle(env.DB).delete(uiSession);
    await logIn(await tokenWith(['read']));
    const [long] = await rows();
    expect(long!.expires_at - long!.created_at).toBe(limits.ui.sessionMsMax);
  });

  it('gives way to newer ones of the same token beyond a bound; those of others stay', async () => {
    const other = await logIn(await tokenWith(['read']));
    const token = await tokenWith(['read']);
    const first = await logIn(token);
    await drizzle(env.DB).update(uiSession).set({ created_at: 1 });
    for (let index = 0; index < limits.ui.sessionsPerTokenMax; index++) await logIn(token);
    expect((await rows()).length).toBe(limits.ui.sessionsPerTokenMax + 1);
    expect((await visit(first)).status).toBe(303);
    expect((await visit(other)).status).toBe(200);
  });

  it('is asked for by the page that live events come from, without a way to the login', async () => {
    const answer = await request('/ui/migrations/mig_00000000000000000000000000/events', {
      headers: { accept: 'text/event-stream' },
    });
    expect(answer.status).toBe(401);
  });
});

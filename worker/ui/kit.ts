import type { Context, Hono } from 'hono';
import { html } from 'hono/html';
import type { Child } from 'hono/jsx';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { Problem, problemResponse } from '../routes/problem.ts';
import { type Api, type ProblemBody, Refused } from './call.ts';
import { toLogin, type Ui } from './session.ts';

/** What the pages are put together with. */
export interface Kit {
  ui: Hono<Ui>;
  /** The API, asked with this session's token. */
  api(c: Context<Ui>): Api;
}

export const show = (c: Context<Ui>, page: Child, status: ContentfulStatusCode = 200) =>
  c.html(html`<!doctype html>${page}`, status);

/**
 * A form's act. Done, the browser is sent on, so that a reload does not repeat it; refused, the page that it was asked
 * from is shown again with the reason.
 */
export async function acting(
  c: Context<Ui>,
  act: () => Promise<Response | string>,
  again: (problem: ProblemBody) => Promise<Response>,
): Promise<Response> {
  try {
    const done = await act();
    return typeof done === 'string' ? c.redirect(done, 303) : done;
  } catch (error) {
    const problem = await problemOf(error);
    if (!problem) throw error;
    if (problem.code === 'unauthorized') return toLogin(c, true);
    const page = await again(problem);
    // A problem's own status, on the page that shows it.
    return new Response(page.body, { status: problem.status, headers: page.headers });
  }
}

/** Null for what is no refusal but a fault. */
export async function problemOf(error: unknown): Promise<ProblemBody | null> {
  if (error instanceof Refused) return error.body;
  if (error instanceof Problem) return problemResponse(error.code, error.message, error.extras).json();
  return null;
}

/** Sentences for what was just done; an address names one of them, so that nobody can put words on a page. */
const sentences = {
  cordoned: 'The host is cordoned: no migration may target it.',
  uncordoned: 'The host is open to migrations again.',
  host_deleted: 'The host is deleted. Its certificate is revoked and its connection closed.',
  relay_deleted: 'The relay is deleted. Its certificate is revoked and its connection closed.',
  cancelling: 'Cancelled: the stack goes on where it was.',
  rolling_back: 'The rollback has begun.',
  bandwidth_changed: 'The bandwidth is changed.',
  retrying: 'It is tried again now.',
  resolved: 'Your decision is recorded.',
  source_deleted: 'What the source kept is deleted.',
  target_deleted: 'What was left on the target is deleted.',
  paused: 'Paused: nothing more is started. Migrations that run go on to their end.',
  resumed: 'The drain goes on.',
  aborting: 'The drain ends: what has not moved stays at home.',
  webhook_deleted: 'The endpoint is deleted, with its deliveries.',
  webhook_changed: 'The endpoint is changed.',
  webhook_tested: 'A test event is on its way; its delivery is in the list.',
  replayed: 'On its way again, under the same id.',
  token_revoked: 'The token is revoked. It is refused from the next request on.',
} as const;
export type Said = keyof typeof sentences;
export const saidOf = (c: Context<Ui>): string | undefined => sentences[c.req.query('said') as Said];

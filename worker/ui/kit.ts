import type { Context, Hono } from 'hono';
import { html } from 'hono/html';
import type { Child } from 'hono/jsx';
import type { ContentfulStatusCode } from 'hono/utils/http-status';
import { Problem, problemResponse } from '../problem.ts';
import { type Api, type ProblemBody, Refused } from './call.ts';
import { toLogin, type Ui } from './session.ts';

/** What all page modules share. */
export interface Kit {
  ui: Hono<Ui>;
  /** The API, called with this session's token. */
  api(c: Context<Ui>): Api;
}

export const show = (c: Context<Ui>, page: Child, status: ContentfulStatusCode = 200) =>
  c.html(html`<!doctype html>${page}`, status);

/**
 * Runs a form's act. On success it redirects, so that a reload does not repeat the act; on refusal it shows the page
 * again with the reason.
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
    // The page has the status of its problem.
    return new Response(page.body, { status: problem.status, headers: page.headers });
  }
}

/** Returns null for an unexpected error. */
export async function problemOf(error: unknown): Promise<ProblemBody | null> {
  if (error instanceof Refused) return error.body;
  if (error instanceof Problem) return problemResponse(error.code, error.message, error.extras).json();
  return null;
}

/** Confirmations. The address names one by its key, so a link cannot put arbitrary text on a page. */
const sentences = {
  cordoned: 'The host is cordoned: no migration may target it.',
  uncordoned: 'The host is open to migrations again.',
  host_deleted: 'The host is deleted. Its certificate is revoked and its connection closed.',
  relay_deleted: 'The relay is deleted. Its certificate is revoked and its connection closed.',
  forwarding_ended: 'Connections to the old host are no longer forwarded.',
  cutting_over: 'Cutting over: one more pass, then the stack stops.',
  rolling_back: 'The rollback has begun.',
  bandwidth_changed: 'The bandwidth limit is changed.',
  retrying: 'Retrying now.',
  resolved: 'Your decision is recorded.',
  source_deleted: 'What the source kept is deleted.',
  target_deleted: 'What was left on the target is deleted.',
  paused: 'Paused: no more migrations are started. Running migrations continue.',
  resumed: 'The drain continues.',
  aborting: 'The drain is being aborted: stacks that have not moved stay.',
  webhook_registered: 'The endpoint is registered. Send a test to see that its messages arrive.',
  webhook_deleted: 'The endpoint is deleted, with its deliveries.',
  webhook_changed: 'The endpoint is changed.',
  webhook_tested: 'A test event is on its way; its delivery is in the list.',
  replayed: 'Queued again, under the same id.',
  token_revoked: 'The token is revoked. It is refused from the next request on.',
  person_revoked: 'The access is revoked: all sessions have ended, and no login is let in.',
  person_restored: 'The access is restored: the next login is let in, if the settings still name the person.',
} as const;
export type Said = keyof typeof sentences;
export const saidOf = (c: Context<Ui>): string | undefined => sentences[c.req.query('said') as Said];

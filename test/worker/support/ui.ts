import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { expect } from 'vitest';
import { app } from '../../../worker/app.ts';
import { bindings } from './api.ts';

const origin = 'http://stackferry.test';

export async function request(path: string, init: RequestInit = {}): Promise<Response> {
  const context = createExecutionContext();
  const answer = await app.request(`${origin}${path}`, init, bindings, context);
  await waitOnExecutionContext(context);
  return answer;
}

/** Sends a form as a page of the same origin does. */
export const submit = (path: string, fields: URLSearchParams, cookie = ''): Promise<Response> =>
  request(path, {
    method: 'POST',
    headers: { origin, cookie, 'content-type': 'application/x-www-form-urlencoded' },
    body: fields.toString(),
  });

/** The cookie of a new session. */
export async function logIn(token: string): Promise<string> {
  const answer = await submit('/ui/login', new URLSearchParams({ token }));
  expect(answer.status).toBe(303);
  return answer.headers.get('set-cookie')?.split(';')[0] ?? '';
}

import { env } from 'cloudflare:workers';
import { drizzle } from 'drizzle-orm/d1';
import { newId } from '../../../schema/ids.ts';
import type { Scope } from '../../../schema/scopes.ts';
import { app } from '../../../worker/app.ts';
import type { Env } from '../../../worker/env.ts';
import { hashToken, newToken } from '../../../worker/store/token-format.ts';
import { apiToken } from '../../../worker/tables/access.ts';

/** The bindings as the Worker's own code sees them. */
export const bindings = env as unknown as Env;

export interface Answer {
  status: number;
  headers: Headers;
  // biome-ignore lint/suspicious/noExplicitAny: tests look into answers as they come.
  body: any;
}

/** A request to the Worker; an object as body goes as JSON. */
export async function call(
  method: string,
  path: string,
  { token, body, headers = {}, bound = bindings }: CallOptions = {},
): Promise<Answer> {
  const json = body !== undefined && typeof body !== 'string';
  const response = await app.request(
    `http://stackferry.test${path}`,
    {
      method,
      headers: {
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(token ? { authorization: `Bearer ${token}` } : {}),
        ...headers,
      },
      ...(body === undefined ? {} : { body: json ? JSON.stringify(body) : (body as string) }),
    },
    bound,
  );
  const text = await response.text();
  return { status: response.status, headers: response.headers, body: text === '' ? null : JSON.parse(text) };
}

export interface CallOptions {
  token?: string;
  body?: unknown;
  headers?: Record<string, string>;
  bound?: Env;
}

export async function tokenWith(scopes: Scope[], times: { expires_at?: number; revoked_at?: number } = {}) {
  const token = newToken('sfy');
  await drizzle(env.DB)
    .insert(apiToken)
    .values({ id: newId('tok'), name: 'test', hash: await hashToken(token), scopes, created_at: Date.now(), ...times });
  return token;
}

import type { Context } from 'hono';
import type { z } from 'zod';
import type { problem } from '../../schema/api/common.ts';
import { limits } from '../../schema/limits.ts';
import type { Env } from '../env.ts';
import { Problem } from '../problem.ts';
import type { Ui } from './session.ts';

export type ProblemBody = z.infer<typeof problem>;

/** An error response of the API. */
export class Refused extends Error {
  readonly body: ProblemBody;
  readonly headers: Headers;

  constructor(body: ProblemBody, headers: Headers) {
    super(body.detail);
    this.body = body;
    this.headers = headers;
  }
}

/** The API inside this Worker, called with the session's token: see "The web UI" in ARCHITECTURE.md. */
export interface Api {
  get<T>(path: string): Promise<T>;
  /** `once` is the form's idempotency key: sent twice, the act is done once. */
  post<T>(path: string, body: unknown, once?: string): Promise<T>;
  patch<T>(path: string, body: unknown): Promise<T>;
  delete(path: string): Promise<void>;
  /** The unparsed response. */
  raw(method: string, path: string, headers?: Record<string, string>, body?: string): Promise<Response>;
}

export type Fetch = (request: Request, env: Env, context: ExecutionContext) => Response | Promise<Response>;

/** Throws `Refused` on any error response. */
export function apiWith(fetch: Fetch, c: Context<Ui>, token: string): Api {
  const raw: Api['raw'] = async (method, path, headers = {}, body) => {
    const address = c.req.header('cf-connecting-ip');
    const request = new Request(new URL(`/api/v1${path}`, c.req.url), {
      method,
      headers: {
        ...headers,
        authorization: `Bearer ${token}`,
        ...(address ? { 'cf-connecting-ip': address } : {}),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body }),
    });
    const response = await fetch(request, c.env, c.executionCtx as ExecutionContext);
    if (response.ok) return response;
    throw new Refused((await response.json()) as ProblemBody, response.headers);
  };
  const send = async <T>(method: string, path: string, body: unknown, headers = {}) =>
    (await (await raw(method, path, headers, JSON.stringify(body))).json()) as T;
  return {
    raw,
    get: async <T>(path: string) => (await (await raw('GET', path)).json()) as T,
    post: (path, body, once) => send('POST', path, body, once ? { 'idempotency-key': once } : {}),
    patch: (path, body) => send('PATCH', path, body),
    delete: async (path) => void (await raw('DELETE', path)),
  };
}

export interface Page<T> {
  items: T[];
  next_cursor: string | null;
}

/** All items of a list that is bounded by itself. Throws where it is longer than that: nothing is cut off in silence. */
export async function everyItem<T>(api: Api, path: string, filter: Record<string, string> = {}): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null = '';
  for (let page = 0; cursor !== null && page < limits.ui.pagesMax; page++) {
    const query = new URLSearchParams({
      ...{ ...filter, limit: String(limits.control.pageSizeMax) },
      ...(cursor ? { cursor } : {}),
    });
    const next: Page<T> = await api.get(`${path}?${query}`);
    items.push(...next.items);
    cursor = next.next_cursor;
  }
  if (cursor !== null)
    throw new Problem(
      'internal',
      `There are more than ${items.length}; the API and the command line list all of them.`,
    );
  return items;
}

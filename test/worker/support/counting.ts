import { createExecutionContext, waitOnExecutionContext } from 'cloudflare:test';
import { app } from '../../../worker/app.ts';
import type { Env } from '../../../worker/env.ts';
import { bindings } from './api.ts';

export interface Visit {
  status: number;
  html: string;
  /** Statements that went to the database. */
  queries: number;
  /** Objects of hosts and relays that were asked. */
  objects: number;
}

/** A visit of a page, with what it cost. */
export async function visit(path: string, cookie: string): Promise<Visit> {
  const cost = { queries: 0, objects: 0 };
  const context = createExecutionContext();
  const headers = { cookie, accept: 'text/html' };
  const answer = await app.request(`http://stackferry.test${path}`, { headers }, counted(cost), context);
  const html = await answer.text();
  await waitOnExecutionContext(context);
  return { status: answer.status, html, ...cost };
}

function counted(cost: { queries: number; objects: number }): Env {
  const counting = <T extends object>(of: T, method: string, count: () => void): T =>
    new Proxy(of, {
      get(target, name) {
        const value = Reflect.get(target, name) as unknown;
        if (typeof value !== 'function') return value;
        return (...given: unknown[]) => {
          if (name === method) count();
          return Reflect.apply(value, target, given);
        };
      },
    });
  return {
    ...bindings,
    DB: counting(bindings.DB, 'prepare', () => cost.queries++),
    HOST_CONNECTION: counting(bindings.HOST_CONNECTION, 'get', () => cost.objects++),
  };
}

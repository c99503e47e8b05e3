import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { byteRate } from '../../schema/byte-rate.ts';
import { hashToken } from '../auth/token-format.ts';
import { readBounded } from '../routes/json-body.ts';
import { invalidRequest, Problem } from '../routes/problem.ts';
import type { Session, Ui } from './session.ts';

/** Refuses what another site's page sends, before anything is read of it: browsers name the origin of every form. */
export const sameOrigin = createMiddleware<Ui>(async (c, next) => {
  if (c.req.method === 'GET' || c.req.method === 'HEAD') return next();
  const origin = c.req.header('origin');
  if (!origin || !URL.canParse(origin) || new URL(origin).host !== new URL(c.req.url).host)
    throw new Problem('forbidden', 'This form did not come from a page of this control plane; nothing was done.');
  await next();
});

/** The fields of a form, within the bound of any body. Throws where it is none of this session's forms. */
export async function formOf(c: Context<Ui>, session: Session | null): Promise<Form> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded')
    throw new Problem('unsupported_media_type', 'Send the form as a browser does.');
  const text = await readBounded(c.req.raw);
  const fields = new URLSearchParams(text);
  if (session && fields.get('csrf') !== session.csrf)
    throw new Problem(
      'forbidden',
      'This form is not of your session; open the page anew and repeat. Nothing was done.',
    );
  // The key of the form, and what was filled in: after "back" and a correction it is another act.
  const once = `${fields.get('once')?.slice(0, 64) ?? ''}-${(await hashToken(text)).slice(0, 32)}`;
  return { fields, once, text: (name) => fields.get(name)?.trim() ?? '', on: (name) => fields.get(name) === 'on' };
}

export interface Form {
  fields: URLSearchParams;
  /** Idempotency key of the act. */
  once: string;
  /** Trimmed; empty where it is not there. */
  text(name: string): string;
  /** Of a checkbox. */
  on(name: string): boolean;
}

/** `20M`, `500K`: bytes per second. Null where the field is empty: no bound. */
export function byteRateOf(form: Form, name: string): number | null {
  const text = form.text(name);
  if (text === '') return null;
  const parsed = byteRate.safeParse(text);
  if (!parsed.success) throw invalidRequest(parsed.error);
  return parsed.data;
}

/** For what cannot be undone: the name must have been typed. The browser looks too, where it runs scripts. */
export function confirmed(form: Form, name: string): void {
  if (form.text('confirm') === name) return;
  throw new Problem('invalid_request', `Type "${name}" to confirm; nothing was done.`);
}

import type { Context } from 'hono';
import { createMiddleware } from 'hono/factory';
import { byteRate } from '../../schema/byte-rate.ts';
import { invalidRequest, Problem } from '../problem.ts';
import { readBounded } from '../routes/json-body.ts';
import { hashToken } from '../store/token-format.ts';
import type { Session, Ui } from './session.ts';

/** Refuses forms of other sites before reading them: browsers send the origin of every form. */
export const sameOrigin = createMiddleware<Ui>(async (c, next) => {
  if (c.req.method === 'GET' || c.req.method === 'HEAD') return next();
  const origin = c.req.header('origin');
  if (!origin || !URL.canParse(origin) || new URL(origin).host !== new URL(c.req.url).host)
    throw new Problem('forbidden', 'This form did not come from a page of this control plane; nothing was done.');
  await next();
});

/** Reads a form, up to the size limit of any body. Throws if it is not a form of this session. */
export async function formOf(c: Context<Ui>, session: Session | null): Promise<Form> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase();
  if (type !== 'application/x-www-form-urlencoded')
    throw new Problem('unsupported_media_type', 'Send the form as a browser does.');
  const text = await readBounded(c.req.raw);
  const fields = new URLSearchParams(text);
  if (session && fields.get('csrf') !== session.csrf)
    throw new Problem('forbidden', 'This form is not of your session; reload the page and repeat. Nothing was done.');
  // The form's key plus its content: a corrected form after "back" is a different act.
  const once = `${fields.get('once')?.slice(0, 64) ?? ''}-${(await hashToken(text)).slice(0, 32)}`;
  return { fields, once, text: (name) => fields.get(name)?.trim() ?? '', on: (name) => fields.get(name) === 'on' };
}

export interface Form {
  fields: URLSearchParams;
  /** Idempotency key of the act. */
  once: string;
  /** Trimmed; empty if absent. */
  text(name: string): string;
  /** True if the checkbox is set. */
  on(name: string): boolean;
}

/** Parses `20M`, `500K`: bytes per second. Null (no limit) for an empty text; throws `invalid_request`. */
export function byteRateIn(text: string): number | null {
  if (text === '') return null;
  const parsed = byteRate.safeParse(text);
  if (!parsed.success) throw invalidRequest(parsed.error);
  return parsed.data;
}

/** For acts that cannot be undone: requires that the name was typed. The browser checks it too if scripts run. */
export function confirmed(form: Form, name: string): void {
  if (form.text('confirm') === name) return;
  throw new Problem('invalid_request', `Type "${name}" to confirm; nothing was done.`);
}

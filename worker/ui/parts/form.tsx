import type { Child, PropsWithChildren } from 'hono/jsx';
import type { Scope } from '../../../schema/scopes.ts';
import { can } from '../session.ts';
import { useSession } from './session-context.ts';

/** A POST form with a CSRF token, and an idempotency key so that sending it twice does it once. */
export function Form({ action, class: name, confirm, children }: PropsWithChildren<FormProps>) {
  const session = useSession();
  return (
    <form method="post" action={action} class={name} data-confirm={confirm}>
      {session ? <input type="hidden" name="csrf" value={session.csrf} /> : null}
      <input type="hidden" name="once" value={crypto.randomUUID()} />
      {children}
    </form>
  );
}
interface FormProps {
  action: string;
  class?: string;
  /** The text to be typed; see `TypeToConfirm`. */
  confirm?: string;
}

export interface ActProps {
  action: string;
  label: string;
  /** The required scope. */
  scope: Scope;
  kind?: 'primary' | 'danger' | 'plain' | 'small';
  /** Why it is not possible now. */
  why?: string | null | undefined;
}

/** A button that acts at once. A disabled one says why. */
export function ActButton({ action, label, scope, kind = 'plain', why, children }: PropsWithChildren<ActProps>) {
  const reason = useReason(scope, why);
  if (reason) return <Disabled label={label} kind={kind} why={reason} />;
  return (
    <Form action={action} class="inline">
      {children}
      <button type="submit" class={kind}>
        {label}
      </button>
    </Form>
  );
}

/** Returns why the act is not possible: a missing scope first, then `why`; null if it is. */
export function useReason(scope: Scope, why?: string | null): string | null {
  const session = useSession();
  if (session && !can(session, scope)) return `Your token lacks the scope "${scope}".`;
  return why ?? null;
}

/** Replaces a button or a link. The reason is text, so everybody finds it; in tables it is shown on hover. */
export function Disabled({ label, kind = 'plain', why }: { label: string; kind?: string; why: string }) {
  const small = kind === 'small';
  return (
    <span class="blocked" title={small ? why : undefined}>
      <button type="button" class={kind} disabled>
        {label}
      </button>
      <span class={small ? 'unseen' : 'why'}>{why}</span>
    </span>
  );
}

export function LinkButton({ href, label, kind = 'plain' }: { href: string; label: string; kind?: string }) {
  return (
    <a class={`button ${kind}`} href={href}>
      {label}
    </a>
  );
}

/** A button in a table row, which leads to the form that asks for the name. */
export function AskButton({ href, label, scope }: { href: string; label: string; scope: Scope }) {
  const why = useReason(scope);
  return why ? (
    <Disabled label={label} kind="small" why={why} />
  ) : (
    <LinkButton href={href} label={`${label}…`} kind="danger" />
  );
}

export interface ConfirmProps extends ActProps {
  /** The text to be typed. */
  word: string;
  /** Opened by the page's address, for example from a table row. */
  open?: boolean;
  /** What will happen, and what cannot be undone. */
  children?: Child;
}

/** For acts that cannot be undone: opens, explains the effect, and asks for a name. */
export function TypeToConfirm({
  action,
  label,
  scope,
  kind = 'danger',
  why,
  word,
  open = false,
  children,
}: ConfirmProps) {
  const reason = useReason(scope, why);
  if (reason) return <Disabled label={label} kind={kind} why={reason} />;
  return (
    <details class={`confirm ${kind === 'danger' ? 'risky' : 'ask'}`} open={open}>
      <summary class={`button ${kind}`}>{label}…</summary>
      <Form action={action} class="stack" confirm={word}>
        {children}
        <label>
          <span>
            Type <strong>{word}</strong> to confirm
          </span>
          <input type="text" name="confirm" autocomplete="off" autocapitalize="none" spellcheck={false} required />
        </label>
        <button type="submit" class={kind}>
          {label}
        </button>
      </Form>
    </details>
  );
}

/** For acts that interrupt something: opens and explains the effect; a second click does it. */
export function Ask({ action, label, scope, kind = 'plain', children }: PropsWithChildren<ActProps>) {
  const reason = useReason(scope);
  if (reason) return <Disabled label={label} kind={kind} why={reason} />;
  return (
    <details class="confirm ask">
      <summary class={`button ${kind}`}>{label}…</summary>
      <Form action={action} class="stack">
        {children}
        <button type="submit" class={kind}>
          {label}
        </button>
      </Form>
    </details>
  );
}

/** `id` is the id of the control inside. */
export function Field({ id, label, hint, children }: PropsWithChildren<{ id: string; label: string; hint?: Child }>) {
  return (
    <div class="field">
      <label class="name" for={id}>
        {label}
      </label>
      {children}
      {hint ? <span class="hint">{hint}</span> : null}
    </div>
  );
}

/** A secret that is shown only once. */
export function Secret({ label, value }: { label: string; value: string }) {
  return (
    <div class="secret">
      <span class="name">{label}</span>
      <pre>{value}</pre>
      <button type="button" class="small" data-copy={value} hidden>
        Copy
      </button>
    </div>
  );
}

export type Fields = [name: string, value: string][];

/** What a form carries on from the page before. */
export const Hidden = ({ fields }: { fields: Fields }) => (
  <>
    {fields.map(([name, value]) => (
      <input type="hidden" name={name} value={value} />
    ))}
  </>
);

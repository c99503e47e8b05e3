import type { Child, PropsWithChildren } from 'hono/jsx';
import type { Scope } from '../../../schema/scopes.ts';
import { can } from '../session.ts';
import { useSession } from './layout.tsx';

/** A POST: with the session's token against forgery, and a key so that sending it twice does it once. */
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
  /** What must be typed; see `TypeToConfirm`. */
  confirm?: string;
}

export interface ActProps {
  action: string;
  label: string;
  /** What the act needs. */
  scope: Scope;
  kind?: 'primary' | 'danger' | 'plain' | 'small';
  /** Why it cannot be done now. */
  why?: string | null | undefined;
}

/** A button that does one thing at once. One that cannot be used says why. */
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

/** Why the session's token may not do it, before anything else that stands in the way. Null where nothing does. */
export function useReason(scope: Scope, why?: string | null): string | null {
  const session = useSession();
  if (session && !can(session, scope)) return `Your token lacks the scope "${scope}".`;
  return why ?? null;
}

/** In place of a button or a link; the reason is text, so that everybody finds it. In tables it is shown on hover. */
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

/** In a row of a table: leads to the form that asks for the name. */
export function AskButton({ href, label, scope }: { href: string; label: string; scope: Scope }) {
  const why = useReason(scope);
  return why ? (
    <Disabled label={label} kind="small" why={why} />
  ) : (
    <LinkButton href={href} label={`${label}…`} kind="danger" />
  );
}

export interface ConfirmProps extends ActProps {
  /** What must be typed. */
  word: string;
  /** Asked for by the page's address, as from a row of a table. */
  open?: boolean;
  /** What will happen, and what cannot be undone. */
  children?: Child;
}

/** What cannot be undone opens first, tells what it does, and asks for a name. */
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
    <details class="confirm" open={open}>
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

/** `id` is the control's, which stands inside. */
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

/** Something that is shown this once. */
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

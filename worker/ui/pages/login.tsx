import { Field, LinkButton } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';

interface LoginProps {
  next: string;
  /** A session has ended. */
  ended?: boolean;
  refusal?: string;
  /** What was entered is refused. */
  field?: boolean;
  /** Where people can log in; null for tokens only. */
  provider: string | null;
}

export function LoginPage({ next, ended = false, refusal, field = false, provider }: LoginProps) {
  return (
    <Page title="Log in" session={null} narrow>
      {ended ? (
        <p class="alert warn" role="status">
          Your session has ended. Log in again to continue where you were.
        </p>
      ) : null}
      {refusal ? (
        <p class="alert bad" role="alert" id="refusal">
          {refusal}
        </p>
      ) : null}
      {provider ? (
        <div class="card">
          <LinkButton
            href={`/ui/login/oidc?${new URLSearchParams({ next })}`}
            label={`Log in with ${provider}`}
            kind="primary"
          />
        </div>
      ) : null}
      <form method="post" action="/ui/login" class="card stack">
        <input type="hidden" name="next" value={next} />
        <Field id="token" label="API token">
          <input
            id="token"
            type="password"
            name="token"
            autocomplete="current-password"
            required
            maxlength={200}
            aria-invalid={field ? 'true' : undefined}
            aria-describedby={field ? 'refusal' : 'token-hint'}
          />
        </Field>
        <p class="hint" id="token-hint">
          The control plane printed the first one when it started; an admin creates others under Tokens. The session has
          the scopes of the token, and ends after twelve hours, or at once when the token is revoked.
        </p>
        <button type="submit" class={provider ? undefined : 'primary'}>
          {provider ? 'Log in with the token' : 'Log in'}
        </button>
      </form>
    </Page>
  );
}

import { limits } from '../../../schema/limits.ts';
import type { ProblemBody } from '../call.ts';
import { AskButton, Field, Form, LinkButton, Secret, TypeToConfirm } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Card, Empty, Table } from '../parts/list.tsx';
import { State } from '../parts/state.tsx';
import { Ago } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { TokenView } from '../views.ts';

interface TokensProps {
  session: Session;
  /** Null without the scope `admin`. */
  tokens: TokenView[] | null;
  /** The new token, shown only once. */
  created?: string;
  /** Id of the token to be revoked. */
  revoke?: string | undefined;
  problem?: ProblemBody;
  said?: string | undefined;
}

const tones = { active: 'ok', expired: 'idle', revoked: 'idle' } as const;

export function TokensPage({ session, tokens, created, revoke, problem, said }: TokensProps) {
  const leaving = tokens?.find(({ id, status }) => id === revoke && status === 'active');
  return (
    <Page title="API tokens" session={session} place="Tokens" problem={problem} said={said}>
      {created ? (
        <div class="alert ok" role="status">
          <p>The token is created. Only a hash of it is stored.</p>
          <Secret label="API token, shown this once" value={created} />
        </div>
      ) : null}
      {tokens ? (
        <>
          {leaving ? (
            <TypeToConfirm
              action={`/ui/tokens/${leaving.id}/revoke`}
              label="Revoke"
              scope="admin"
              word={leaving.name}
              open
            >
              <p>
                Revokes the token <strong>{leaving.name}</strong>, at once and permanently. Migrations that it requested
                continue; its logins here end.
              </p>
            </TypeToConfirm>
          ) : null}
          <TokenTable tokens={tokens} />
          <Create />
        </>
      ) : (
        <Empty title='Tokens need the scope "admin"'>
          <p>Yours has {session.scopes.join(', ')}. Another one may see and create tokens.</p>
          <LinkButton href="/ui/login" label="Log in with another token" />
        </Empty>
      )}
    </Page>
  );
}

function TokenTable({ tokens }: { tokens: TokenView[] }) {
  return (
    <Table
      caption="API tokens, oldest first"
      columns={[
        ...['Name', 'State', 'Scope'],
        ...['Created', 'Last used', 'Ends'].map((label) => ({ label, wide: true })),
        'Revoke',
      ]}
    >
      {tokens.map(({ id, name, scopes, status, created_at, last_used_at, expires_at }) => (
        <tr>
          <th scope="row">{name}</th>
          <td>
            <State tone={tones[status]} word={status} />
          </td>
          <td>{scopes.join(', ')}</td>
          <td class="wide">
            <Ago at={created_at} />
          </td>
          <td class="wide">{last_used_at ? <Ago at={last_used_at} /> : 'never'}</td>
          <td class="wide">
            {expires_at ? (
              <time datetime={expires_at} title={expires_at}>
                {expires_at.slice(0, 10)}
              </time>
            ) : (
              'when revoked'
            )}
          </td>
          <td>
            {status === 'active' ? <AskButton href={`/ui/tokens?revoke=${id}`} label="Revoke" scope="admin" /> : '–'}
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Create() {
  return (
    <Card title="New token" id="create">
      <Form action="/ui/tokens" class="filters">
        <Field id="name" label="Name">
          <input id="name" name="name" required maxlength={limits.api.tokenNameCharsMax} autocomplete="off" />
        </Field>
        <Field id="scope" label="May">
          <select id="scope" name="scope">
            <option value="read">read: view only</option>
            <option value="migrate">migrate: move stacks and roll back</option>
            <option value="admin">admin: everything</option>
          </select>
        </Field>
        <Field id="days" label="Valid for, in days">
          <input id="days" name="days" type="number" min={1} max={3650} placeholder="until revoked" />
        </Field>
        <button type="submit" class="primary">
          Create
        </button>
      </Form>
    </Card>
  );
}

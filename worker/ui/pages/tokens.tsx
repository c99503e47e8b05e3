import { limits } from '../../../schema/limits.ts';
import type { Page as ListPage, ProblemBody } from '../call.ts';
import { ActButton, AskButton, Field, Form, LinkButton, Secret, TypeToConfirm } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Card, Empty, More, Table } from '../parts/list.tsx';
import { State } from '../parts/state.tsx';
import { Ago, Moment } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { TokenView } from '../views.ts';

interface TokensProps {
  session: Session;
  /** Null without the scope `admin`. */
  page: ListPage<TokenView> | null;
  query: URLSearchParams;
  /** The new token, shown only once. */
  created?: string;
  /** The token, or the person, to be revoked. */
  leaving: TokenView | null;
  problem?: ProblemBody;
  said?: string | undefined;
}

const tones = { active: 'ok', expired: 'idle', revoked: 'idle' } as const;

export function TokensPage({ session, page, query, leaving, created, problem, said }: TokensProps) {
  return (
    <Page title="API tokens" session={session} place="Tokens" problem={problem} said={said}>
      {created ? (
        <div class="alert ok" role="status">
          <p>The token is created. Only a hash of it is stored.</p>
          <Secret label="API token, shown only once" value={created} />
        </div>
      ) : null}
      {page ? (
        <>
          {leaving?.status === 'active' ? <Revoke leaving={leaving} /> : null}
          <TokenTable tokens={page.items} query={query} />
          <More path="/ui/tokens" query={query} cursor={page.next_cursor} />
          <Create />
        </>
      ) : (
        <Empty title='Tokens need the scope "admin"'>
          <p>Yours has {session.scopes.join(', ')}. A token with the scope “admin” can see and create them.</p>
          <LinkButton href="/ui/login" label="Log in with another token" />
        </Empty>
      )}
    </Page>
  );
}

function Revoke({ leaving: { id, name, kind } }: { leaving: TokenView }) {
  return (
    <TypeToConfirm action={`/ui/tokens/${id}/revoke`} label="Revoke" scope="admin" word={name} open>
      {kind === 'person' ? (
        <p>
          Revokes the access of <strong>{name}</strong>: all sessions end at once, and no login is let in until an admin
          restores the access. Migrations that were requested continue, and API tokens that this person created stay.
        </p>
      ) : (
        <p>
          Revokes the token <strong>{name}</strong>, at once and permanently. Migrations that it requested continue; its
          logins here end.
        </p>
      )}
    </TypeToConfirm>
  );
}

function TokenTable({ tokens, query }: { tokens: TokenView[]; query: URLSearchParams }) {
  return (
    <Table
      caption="API tokens, oldest first, then people who have logged in"
      columns={[
        ...['Name', 'State', 'Scope'],
        ...['Created', 'Last used', 'Ends'].map((label) => ({ label, wide: true })),
        'Access',
      ]}
    >
      {tokens.map(({ id, name, kind, scopes, status, created_at, last_used_at, expires_at }) => (
        <tr>
          <th scope="row">
            {name}
            {kind === 'person' ? <span class="below">logs in at the provider</span> : null}
          </th>
          <td>
            <State tone={tones[status]} word={status} />
          </td>
          <td>{scopes.join(', ')}</td>
          <td class="wide">
            <Ago at={created_at} />
          </td>
          <td class="wide">{last_used_at ? <Ago at={last_used_at} /> : 'never'}</td>
          <td class="wide">{expires_at ? <Moment at={expires_at} /> : 'when revoked'}</td>
          <td>
            <Access {...{ id, kind, status, query }} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Access({ id, kind, status, query }: Pick<TokenView, 'id' | 'kind' | 'status'> & { query: URLSearchParams }) {
  if (status === 'active')
    return (
      <AskButton href={`/ui/tokens?${new URLSearchParams([...query, ['revoke', id]])}`} label="Revoke" scope="admin" />
    );
  if (status === 'revoked' && kind === 'person')
    return <ActButton action={`/ui/tokens/${id}/restore`} label="Restore" scope="admin" kind="small" />;
  return '–';
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

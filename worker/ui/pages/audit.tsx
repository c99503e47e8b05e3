import { auditSentence } from '../audit-sentence.ts';
import type { Page as ListPage } from '../call.ts';
import { LinkButton } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Empty, More, Table } from '../parts/list.tsx';
import { State } from '../parts/state.tsx';
import { Ago } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { AuditView } from '../views.ts';

interface AuditProps {
  session: Session;
  /** Null without the scope `admin`. */
  page: ListPage<AuditView> | null;
  query: URLSearchParams;
}

export function AuditPage({ session, page, query }: AuditProps) {
  return (
    <Page
      title="Audit"
      session={session}
      place="Audit"
      lead={<p>Who did what, refused acts included; newest first.</p>}
    >
      {page === null ? (
        <Empty title='The audit needs the scope "admin"'>
          <p>Yours has {session.scopes.join(', ')}. Log in with another token to see it.</p>
        </Empty>
      ) : page.items.length === 0 ? (
        <Empty title="Nothing has been done yet" />
      ) : (
        <Table
          caption="Audit, newest first"
          columns={['Who', 'Act', 'Outcome', { label: 'On', wide: true }, { label: 'When', wide: true }]}
        >
          {page.items.map((entry) => (
            <Entry entry={entry} />
          ))}
        </Table>
      )}
      <More path="/ui/audit" query={query} cursor={page?.next_cursor ?? null} />
      {query.get('actor') ? (
        <p>
          <LinkButton href="/ui/audit" label="Show all" />
        </p>
      ) : null}
    </Page>
  );
}

function Entry({ entry: { actor, act, objects, status, code, at, address } }: { entry: AuditView }) {
  const plain = act.replace('/api/v1', '');
  const words = auditSentence(act, status);
  return (
    <tr>
      <th scope="row">
        <a href={`/ui/audit?actor=${actor.id}`}>{actor.name}</a>
        {address ? <span class="below">{address}</span> : null}
      </th>
      <td>{words === null ? <code>{plain}</code> : <span title={plain}>{words}</span>}</td>
      <td>
        <State tone={status < 400 ? 'ok' : 'bad'} word={code ?? 'done'} />
      </td>
      <td class="wide">
        <code>{Object.values(objects).join(', ') || '–'}</code>
      </td>
      <td class="wide">
        <Ago at={at} />
      </td>
    </tr>
  );
}

import { auditKinds } from '../../../schema/api/access.ts';
import { limits } from '../../../schema/limits.ts';
import { auditSentence } from '../audit-sentence.ts';
import type { Page as ListPage } from '../call.ts';
import { type Choice, Choose } from '../parts/filters.tsx';
import { Field, LinkButton } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Empty, More, Table } from '../parts/list.tsx';
import { State } from '../parts/state.tsx';
import { Ago } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { AuditView, HostView, TokenView } from '../views.ts';

interface AuditProps {
  session: Session;
  /** Null without the scope `admin`. */
  page: ListPage<AuditView> | null;
  tokens?: TokenView[];
  hosts?: HostView[];
  /** The filters, and the cursor. */
  query: URLSearchParams;
}

export function AuditPage({ session, page, tokens = [], hosts = [], query }: AuditProps) {
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
      ) : (
        <>
          <Filters query={query} tokens={tokens} hosts={hosts} />
          <Entries page={page} filtered={query.size > 0} />
          <More path="/ui/audit" query={query} cursor={page.next_cursor} />
          {page.items.length > 0 ? <Export query={query} /> : null}
        </>
      )}
    </Page>
  );
}

function Entries({ page: { items, next_cursor }, filtered }: { page: ListPage<AuditView>; filtered: boolean }) {
  if (items.length === 0 && next_cursor !== null)
    return (
      <Empty title="No matches so far">
        <p>
          {limits.api.auditScanRowsMax.toLocaleString('en')} entries were searched. The next page continues with older
          ones.
        </p>
      </Empty>
    );
  if (items.length === 0 && filtered)
    return (
      <Empty title="No entries match these filters">
        <LinkButton href="/ui/audit" label="Show all" />
      </Empty>
    );
  if (items.length === 0) return <Empty title="Nothing has been done yet" />;
  return (
    <Table
      caption="Audit, newest first"
      columns={['Who', 'Act', 'Outcome', { label: 'On', wide: true }, { label: 'When', wide: true }]}
    >
      {items.map((entry) => (
        <Entry entry={entry} />
      ))}
    </Table>
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

function Filters({ query, tokens, hosts }: { query: URLSearchParams; tokens: TokenView[]; hosts: HostView[] }) {
  const named = (list: { id: string; name: string }[]): Choice[] => list.map(({ id, name }) => [id, name]);
  const actor = query.get('actor');
  const known = named([...tokens, ...hosts]);
  // A relay, or one who is gone: chosen by a link in the table.
  const other: Choice[] = actor === null || known.some(([id]) => id === actor) ? [] : [[actor, actor]];
  return (
    <form method="get" action="/ui/audit" class="filters">
      <Choose name="actor" label="Who" query={query} choices={[...other, ...known]} />
      <Choose
        name="kind"
        label="About"
        query={query}
        choices={auditKinds.map((kind) => [kind, kindWords[kind] ?? kind])}
      />
      <Choose name="host" label="Host" query={query} choices={named(hosts)} />
      <Field id="stack" label="Stack">
        <input type="search" id="stack" name="stack" value={query.get('stack') ?? ''} />
      </Field>
      <Field id="from" label="From (UTC)">
        <input type="date" id="from" name="from" value={query.get('from') ?? ''} />
      </Field>
      <Field id="to" label="To (UTC)">
        <input type="date" id="to" name="to" value={query.get('to') ?? ''} />
      </Field>
      <button type="submit">Filter</button>
    </form>
  );
}

const kindWords: { [kind in (typeof auditKinds)[number]]?: string } = {
  enroll: 'joining the fleet',
  authority: 'certificate authority',
  login: 'logins',
  events: 'the control plane itself',
};

/** Files of what the filters show; from the newest entry on, wherever the page is. */
function Export({ query }: { query: URLSearchParams }) {
  const href = (format: string) => {
    const file = new URLSearchParams(query);
    for (const name of ['cursor', 'limit']) file.delete(name);
    file.set('format', format);
    return `/ui/audit/export?${file}`;
  };
  return (
    <div class="stack">
      <div class="acts">
        <LinkButton href={href('csv')} label="Download as CSV" />
        <LinkButton href={href('ndjson')} label="Download as NDJSON" />
      </div>
      <span class="hint">
        Up to {limits.api.auditExportRowsMax.toLocaleString('en')} entries; all of them:{' '}
        <code>stackferry audit --export csv</code>
      </span>
    </div>
  );
}

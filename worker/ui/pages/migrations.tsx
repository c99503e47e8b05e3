import type { MigrationView } from '../../../schema/api/migrations.ts';
import { statuses } from '../../../schema/migration-status.ts';
import type { Page as ListPage } from '../call.ts';
import { Field, LinkButton } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Empty, More } from '../parts/list.tsx';
import { MigrationTable } from '../parts/migration-table.tsx';
import type { Session } from '../session.ts';
import type { HostView } from '../views.ts';
import { inWords } from '../words.ts';

interface MigrationsProps {
  session: Session;
  page: ListPage<MigrationView>;
  hosts: HostView[];
  /** The filters. */
  query: URLSearchParams;
}

export function MigrationsPage({ session, page: { items, next_cursor }, hosts, query }: MigrationsProps) {
  return (
    <Page title="Migrations" session={session} place="Migrations" everyS={10}>
      <Filters query={query} hosts={hosts} />
      <div id="migrations" data-live>
        {items.length > 0 ? (
          <MigrationTable migrations={items} />
        ) : query.size > 0 ? (
          <Empty title="None fits these filters">
            <LinkButton href="/ui/migrations" label="Show all" />
          </Empty>
        ) : (
          <Empty title="Nothing has been moved yet">
            <p>Choose a stack and where it is to go; you see a report before anything is changed.</p>
            <LinkButton href="/ui/stacks" label="To the stacks" kind="primary" />
          </Empty>
        )}
      </div>
      <More path="/ui/migrations" query={query} cursor={next_cursor} />
    </Page>
  );
}

function Filters({ query, hosts }: { query: URLSearchParams; hosts: HostView[] }) {
  return (
    <form method="get" action="/ui/migrations" class="filters">
      <Field id="stack" label="Stack">
        <input type="search" id="stack" name="stack" value={query.get('stack') ?? ''} />
      </Field>
      <Field id="host" label="Host">
        <select id="host" name="host">
          <option value="">any</option>
          {hosts.map(({ id, name }) => (
            <option value={id} selected={query.get('host') === id}>
              {name}
            </option>
          ))}
        </select>
      </Field>
      <Field id="status" label="State">
        <select id="status" name="status">
          <option value="">any</option>
          {statuses.map((status) => (
            <option value={status} selected={query.get('status') === status}>
              {inWords(status)}
            </option>
          ))}
        </select>
      </Field>
      <Field id="cleanup_due" label="Clean-up">
        <select id="cleanup_due" name="cleanup_due">
          <option value="">any</option>
          <option value="true" selected={query.get('cleanup_due') === 'true'}>
            source still kept after the window
          </option>
        </select>
      </Field>
      <button type="submit">Filter</button>
    </form>
  );
}

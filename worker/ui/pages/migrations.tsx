import type { MigrationView } from '../../../schema/api/migrations.ts';
import { statuses } from '../../../schema/migration-status.ts';
import type { Page as ListPage } from '../call.ts';
import { Choose, Filters, SearchField } from '../parts/filters.tsx';
import { LinkButton } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Empty, isFiltered, More, sortingOf } from '../parts/list.tsx';
import { MigrationTable } from '../parts/migration-table.tsx';
import type { Session } from '../session.ts';
import { inWords } from '../words.ts';

interface MigrationsProps {
  session: Session;
  page: ListPage<MigrationView>;
  /** The filters. */
  query: URLSearchParams;
}

const path = '/ui/migrations';

export function MigrationsPage({ session, page: { items, next_cursor }, query }: MigrationsProps) {
  return (
    <Page title="Migrations" session={session} place="Migrations" everyS={10}>
      <Search query={query} />
      <div id="migrations" data-live>
        {items.length > 0 ? (
          <MigrationTable migrations={items} sorting={sortingOf(path, query, ['began', 'desc'])} />
        ) : isFiltered(query) ? (
          <Empty title="No migration matches">
            <LinkButton href={path} label="Show all" />
          </Empty>
        ) : (
          <Empty title="Nothing has been moved yet">
            <p>Choose a stack and its destination; you see a report before anything is changed.</p>
            <LinkButton href="/ui/stacks" label="To the stacks" kind="primary" />
          </Empty>
        )}
      </div>
      <More path={path} query={query} cursor={next_cursor} />
    </Page>
  );
}

/** Filters that only links give. */
const linked = ['host', 'kept'];

function Search({ query }: { query: URLSearchParams }) {
  const given = linked.filter((name) => query.has(name));
  const searched = query.get('search') ?? query.get('stack') ?? '';
  return (
    <Filters path={path} query={query}>
      {given.map((name) => (
        <input type="hidden" name={name} value={query.get(name) ?? ''} />
      ))}
      <SearchField label="Stack or host" value={searched} />
      <Choose name="status" label="State" query={query} choices={statuses.map((status) => [status, inWords(status)])} />
      <Choose
        name="cleanup_due"
        label="Clean-up"
        query={query}
        choices={[['true', 'source still kept after the window']]}
      />
      <button type="submit">Search</button>
      {given.length > 0 ? (
        <p class="hint">
          This list is filtered by the link you followed. <a href={path}>Show all migrations</a>
        </p>
      ) : null}
    </Filters>
  );
}

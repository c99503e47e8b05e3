import type { DrainView } from '../../../schema/api/drains.ts';
import { drainStatuses } from '../../../schema/drain.ts';
import type { Page as ListPage } from '../call.ts';
import { DrainTable } from '../parts/drain-table.tsx';
import { Choose, Filters } from '../parts/filters.tsx';
import { LinkButton } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Empty, isFiltered, More } from '../parts/list.tsx';
import type { Session } from '../session.ts';

interface DrainsProps {
  session: Session;
  page: ListPage<DrainView>;
  query: URLSearchParams;
}

export function DrainsPage({ session, page: { items, next_cursor }, query }: DrainsProps) {
  return (
    <Page title="Drains" session={session} place="Drains" everyS={10}>
      {items.length > 0 || isFiltered(query) ? (
        <Filters path="/ui/drains" query={query}>
          <Choose name="status" label="State" query={query} choices={drainStatuses.map((status) => [status, status])} />
          <button type="submit">Filter</button>
        </Filters>
      ) : null}
      <div id="drains" data-live>
        {items.length === 0 && isFiltered(query) ? (
          <Empty title="No drain matches">
            <LinkButton href="/ui/drains" label="Show all" />
          </Empty>
        ) : items.length === 0 ? (
          <Empty title="No host has been drained yet">
            <p>
              A drain empties a host: each of its stacks goes to the host with the most room, one after the other. It
              begins with a plan, on the host's page.
            </p>
            <LinkButton href="/ui/hosts" label="To the hosts" kind="primary" />
          </Empty>
        ) : (
          <DrainTable drains={items} />
        )}
      </div>
      <More path="/ui/drains" query={query} cursor={next_cursor} />
    </Page>
  );
}

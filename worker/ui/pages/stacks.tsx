import { sizeOr } from '../../../schema/units.ts';
import type { Page as ListPage } from '../call.ts';
import { Choose, Filters, SearchField } from '../parts/filters.tsx';
import { LinkButton } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Empty, isFiltered, More, sortingOf, Table } from '../parts/list.tsx';
import { StackState } from '../parts/stack-state.tsx';
import { Ago } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { StackView } from '../views.ts';

interface StacksProps {
  session: Session;
  page: ListPage<StackView>;
  /** The filters. */
  query: URLSearchParams;
  /** There is a host in the fleet. */
  hasHosts: boolean;
}

const path = '/ui/stacks';

export function StacksPage({ session, page: { items, next_cursor }, query, hasHosts }: StacksProps) {
  const isSearched = isFiltered(query);
  return (
    <Page title="Stacks" session={session} place="Stacks" everyS={10}>
      {items.length > 0 || isSearched ? <Search query={query} /> : null}
      <div id="stacks" data-live>
        {items.length > 0 ? (
          <StackTable stacks={items} query={query} />
        ) : isSearched ? (
          <Empty title="No stack matches">
            <LinkButton href={path} label="Show all stacks" />
          </Empty>
        ) : (
          <NoStacks hasHosts={hasHosts} />
        )}
      </div>
      <More path={path} query={query} cursor={next_cursor} />
    </Page>
  );
}

function StackTable({ stacks, query }: { stacks: StackView[]; query: URLSearchParams }) {
  const namesakes = (name: string) => stacks.filter((other) => other.name === name).length > 1;
  return (
    <Table
      caption="Stacks with their hosts"
      sorting={sortingOf(path, query, ['name', 'asc'])}
      columns={[
        { label: 'Stack', sort: 'name' },
        'State',
        { label: 'Host', sort: 'host' },
        { label: 'Ports', wide: true },
        { label: 'Data', wide: true, number: true },
        { label: 'Last moved', wide: true, sort: 'moved', falling: true },
        { label: 'Reported', wide: true, sort: 'reported', falling: true },
      ]}
    >
      {stacks.map((stack) => (
        <tr>
          <th scope="row">
            <a href={stackHref(stack, namesakes(stack.name))}>{stack.name}</a>
          </th>
          <td>
            <StackState stack={stack} />
          </td>
          <td>
            <a href={`/ui/hosts/${stack.host_id}`}>{stack.host_name}</a>
          </td>
          <td class="wide">{portsOf(stack)}</td>
          <td class="wide number">{sizeOr(stack.data_bytes, '–')}</td>
          <td class="wide">
            <Ago at={stack.moved_at} />
          </td>
          <td class="wide">
            <Ago at={stack.seen_at} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

/** A name is nearly always unique; if not, the address contains the host. */
export const stackHref = ({ name, host_id }: { name: string; host_id: string }, ambiguous = false) =>
  `/ui/stacks/${encodeURIComponent(name)}${ambiguous ? `?from=${host_id}` : ''}`;

const portsOf = ({ summary }: StackView): string =>
  [...new Set(summary.ports.map(({ port, protocol }) => `${port}${protocol === 'tcp' ? '' : `/${protocol}`}`))].join(
    ', ',
  ) || '–';

const states = [
  ['true', 'running'],
  ['false', 'not running'],
] as const;

function Search({ query }: { query: URLSearchParams }) {
  const host = query.get('host');
  return (
    <Filters path={path} query={query}>
      {host ? <input type="hidden" name="host" value={host} /> : null}
      <SearchField label="Stack or host" value={query.get('search')} />
      <Choose name="running" label="State" query={query} choices={states} />
      <button type="submit">Search</button>
      {host ? (
        <p class="hint">
          Only those of one host. <a href={path}>Show all stacks</a>
        </p>
      ) : null}
    </Filters>
  );
}

function NoStacks({ hasHosts }: { hasHosts: boolean }) {
  if (!hasHosts)
    return (
      <Empty title="No hosts yet, so no stacks">
        <p>Add the host that runs your Compose stacks. Stackferry lists them automatically; nothing is imported.</p>
        <LinkButton href="/ui/hosts" label="Add a host" kind="primary" />
      </Empty>
    );
  return (
    <Empty title="No stacks are reported yet">
      <p>
        Every Compose project that runs on a joined host appears here within seconds. Start one with{' '}
        <code>docker compose up -d</code>, or check whether your hosts are online.
      </p>
      <LinkButton href="/ui/hosts" label="See the hosts" />
    </Empty>
  );
}

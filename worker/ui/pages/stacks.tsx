import { count } from '../../../schema/units.ts';
import type { Page as ListPage } from '../call.ts';
import { Field, LinkButton } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Empty, More, Table } from '../parts/list.tsx';
import { StackState } from '../parts/stack-state.tsx';
import { Ago } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { HostView, StackView } from '../views.ts';

interface StacksProps {
  session: Session;
  page: ListPage<StackView>;
  /** The filters. */
  query: URLSearchParams;
  /** The hosts of these stacks. */
  hosts: HostView[];
  /** There is a host in the fleet. */
  hasHosts: boolean;
}

export function StacksPage({ session, page: { items, next_cursor }, query, hosts, hasHosts }: StacksProps) {
  const namesakes = (name: string) => items.filter((other) => other.name === name).length > 1;
  return (
    <Page title="Stacks" session={session} place="Stacks" everyS={10}>
      {items.length > 0 || query.size > 0 ? <Filters query={query} /> : null}
      <div id="stacks" data-live>
        {items.length === 0 && query.size > 0 ? (
          <Empty title="No stack matches">
            <LinkButton href="/ui/stacks" label="Show all stacks" />
          </Empty>
        ) : items.length === 0 ? (
          <NoStacks hasHosts={hasHosts} />
        ) : (
          <Table
            caption="Stacks with their hosts"
            columns={[
              ...['Stack', 'State', 'Host'],
              ...['Ports', 'Holds', 'Reported'].map((label) => ({ label, wide: true })),
            ]}
          >
            {items.map((stack) => (
              <tr>
                <th scope="row">
                  <a href={stackHref(stack, namesakes(stack.name))}>{stack.name}</a>
                </th>
                <td>
                  <StackState stack={stack} host={hosts.find(({ id }) => id === stack.host_id)} />
                </td>
                <td>
                  <a href={`/ui/hosts/${stack.host_id}`}>{stack.host_name}</a>
                </td>
                <td class="wide">{portsOf(stack)}</td>
                <td class="wide">
                  {count(stack.summary.services.length, 'service')}, {count(stack.summary.volumes.length, 'volume')}
                </td>
                <td class="wide">
                  <Ago at={stack.seen_at} />
                </td>
              </tr>
            ))}
          </Table>
        )}
      </div>
      <More path="/ui/stacks" query={query} cursor={next_cursor} />
    </Page>
  );
}

/** A name is nearly always unique; if not, the address contains the host. */
export const stackHref = ({ name, host_id }: { name: string; host_id: string }, ambiguous = false) =>
  `/ui/stacks/${encodeURIComponent(name)}${ambiguous ? `?from=${host_id}` : ''}`;

const portsOf = ({ summary }: StackView): string =>
  [...new Set(summary.ports.map(({ port, protocol }) => `${port}${protocol === 'tcp' ? '' : `/${protocol}`}`))].join(
    ', ',
  ) || '–';

function Filters({ query }: { query: URLSearchParams }) {
  return (
    <form method="get" action="/ui/stacks" class="filters">
      <Field id="search" label="Stack or host">
        <input type="search" id="search" name="search" value={query.get('search') ?? ''} autocomplete="off" />
      </Field>
      <Field id="running" label="State">
        <select id="running" name="running">
          <option value="">any</option>
          <option value="true" selected={query.get('running') === 'true'}>
            running
          </option>
          <option value="false" selected={query.get('running') === 'false'}>
            not running
          </option>
        </select>
      </Field>
      <button type="submit">Search</button>
    </form>
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
        Every Compose project that runs on a joined host appears here within some seconds. Start one with{' '}
        <code>docker compose up -d</code>, or see whether your hosts are online.
      </p>
      <LinkButton href="/ui/hosts" label="See the hosts" />
    </Empty>
  );
}

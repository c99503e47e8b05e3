import { count } from '../../../schema/units.ts';
import type { Page as ListPage } from '../call.ts';
import { LinkButton } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Empty, More, Table } from '../parts/list.tsx';
import { StackState } from '../parts/stack-state.tsx';
import { Ago } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { HostView, StackView } from '../views.ts';

interface StacksProps {
  session: Session;
  page: ListPage<StackView>;
  hosts: HostView[];
}

export function StacksPage({ session, page: { items, next_cursor }, hosts }: StacksProps) {
  const namesakes = (name: string) => items.filter((other) => other.name === name).length > 1;
  return (
    <Page title="Stacks" session={session} place="Stacks" everyS={10}>
      <div id="stacks" data-live>
        {items.length === 0 ? (
          <NoStacks hosts={hosts} />
        ) : (
          <Table
            caption="Stacks with their hosts"
            columns={['Stack', 'State', 'Host', { label: 'Holds', wide: true }, { label: 'Reported', wide: true }]}
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
      <More path="/ui/stacks" query={new URLSearchParams()} cursor={next_cursor} />
    </Page>
  );
}

/** A name is nearly always unique; if not, the address contains the host. */
export const stackHref = ({ name, host_id }: { name: string; host_id: string }, ambiguous = false) =>
  `/ui/stacks/${encodeURIComponent(name)}${ambiguous ? `?from=${host_id}` : ''}`;

function NoStacks({ hosts }: { hosts: HostView[] }) {
  if (hosts.length === 0)
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

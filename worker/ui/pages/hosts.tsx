import { limits } from '../../../schema/limits.ts';
import type { Page as ListPage, ProblemBody } from '../call.ts';
import { Choose, Filters, SearchField } from '../parts/filters.tsx';
import { AskButton, Field, Form, LinkButton, TypeToConfirm, useReason } from '../parts/form.tsx';
import { HostTable } from '../parts/host-table.tsx';
import { JoinCommand } from '../parts/join-command.tsx';
import { Page } from '../parts/layout.tsx';
import { Empty, isFiltered, More, sortingOf, Table } from '../parts/list.tsx';
import { HostState } from '../parts/state.tsx';
import type { Session } from '../session.ts';
import type { HostView, Joining, RelayView } from '../views.ts';

interface HostsProps {
  session: Session;
  page: ListPage<HostView>;
  /** The filters of the hosts. */
  query: URLSearchParams;
  relays: ListPage<RelayView>;
  /** Just created. */
  joining?: Joining;
  /** Id of the relay that is to be deleted. */
  leavingRelay?: string | undefined;
  problem?: ProblemBody;
  said?: string | undefined;
}

const path = '/ui/hosts';

export function HostsPage({ session, page, query, relays, joining, leavingRelay, problem, said }: HostsProps) {
  const leaving = relays.items.find(({ id }) => id === leavingRelay);
  const { items: hosts, next_cursor } = page;
  return (
    <Page title="Hosts" session={session} place="Hosts" problem={problem} said={said} everyS={joining ? undefined : 10}>
      {joining ? <JoinCommand {...joining} /> : null}
      {hosts.length > 0 || isFiltered(query) ? <Search query={query} /> : null}
      <div id="hosts" data-live>
        {hosts.length > 0 ? (
          <HostTable hosts={hosts} sorting={sortingOf(path, query, ['created', 'asc'])} />
        ) : isFiltered(query) ? (
          <Empty title="No host matches">
            <LinkButton href={path} label="Show all hosts" />
          </Empty>
        ) : (
          <Empty title="No hosts yet">
            <p>Add the machine that runs your Compose stacks, and the one that they are to move to.</p>
            <p>A name below is all that is needed; the next page has the command for the machine.</p>
          </Empty>
        )}
      </div>
      <More path={path} query={query} cursor={next_cursor} />
      <Add kind="host" hint="A name of your own; the next page shows the command that starts its agent." />
      <h2 class="part">Relays</h2>
      {leaving ? (
        <TypeToConfirm
          action={`/ui/relays/${leaving.id}/delete`}
          label="Delete relay"
          scope="admin"
          word={leaving.name}
          open
        >
          <p>
            Deletes the relay <strong>{leaving.name}</strong>. Its transfers continue over another relay; without one,
            hosts must reach each other directly.
          </p>
        </TypeToConfirm>
      ) : null}
      <div id="relays" data-live data-version={JSON.stringify(relays.items.map(({ id, status }) => [id, status]))}>
        {relays.items.length === 0 ? (
          <Empty title="No relays yet">
            <p>
              Hosts meet at a relay, which carries their encrypted stream. Without one they must reach each other
              directly.
            </p>
          </Empty>
        ) : (
          <RelayTable relays={relays.items} />
        )}
        {relays.next_cursor === null ? null : (
          <p class="hint">There are more relays; the API and the command line list all of them.</p>
        )}
      </div>
      <Add kind="relay" hint="Where every host can reach it over TCP." />
    </Page>
  );
}

function Search({ query }: { query: URLSearchParams }) {
  return (
    <Filters path={path} query={query}>
      <SearchField label="Name" value={query.get('search')} />
      <Choose name="status" label="State" query={query} choices={statuses} />
      <Choose name="cordoned" label="Migrations to it" query={query} choices={cordons} />
      <button type="submit">Search</button>
    </Filters>
  );
}

const statuses = [
  ['online', 'online'],
  ['offline', 'offline'],
  ['pending', 'has not joined'],
] as const;
const cordons = [
  ['false', 'open'],
  ['true', 'cordoned'],
] as const;

function RelayTable({ relays }: { relays: RelayView[] }) {
  return (
    <Table caption="Relays" columns={['Relay', 'State', { label: 'Address', wide: true }, 'Delete']}>
      {relays.map(({ id, name, status, address }) => (
        <tr>
          <th scope="row">{name}</th>
          <td>
            <HostState status={status} />
          </td>
          <td class="wide">{address ? `${address.host}:${address.port}` : '–'}</td>
          <td>
            <AskButton href={`/ui/hosts?delete=${id}`} label="Delete" scope="admin" />
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Add({ kind, hint }: { kind: 'host' | 'relay'; hint: string }) {
  const why = useReason('admin');
  return (
    <Form action={`/ui/${kind}s`} class="filters card">
      <Field id={`${kind}-name`} label={`New ${kind}`}>
        <input
          id={`${kind}-name`}
          name="name"
          required
          disabled={why !== null}
          maxlength={limits.control.nameLengthMax}
          pattern="[a-z0-9]([a-z0-9.\-]*[a-z0-9])?"
          title="Lower-case letters, digits, dots and dashes"
          placeholder={kind === 'host' ? 'new-server' : 'relay-2'}
          autocomplete="off"
        />
      </Field>
      <button type="submit" disabled={why !== null}>
        Add {kind}
      </button>
      <p class="hint">{why ?? hint}</p>
    </Form>
  );
}

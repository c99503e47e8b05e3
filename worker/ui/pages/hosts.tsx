import { limits } from '../../../schema/limits.ts';
import { bytes } from '../../../schema/units.ts';
import type { ProblemBody } from '../call.ts';
import { AskButton, Field, Form, TypeToConfirm, useReason } from '../parts/form.tsx';
import { JoinCommand } from '../parts/join-command.tsx';
import { Page } from '../parts/layout.tsx';
import { Empty, Gauge, Table } from '../parts/list.tsx';
import { HostState } from '../parts/state.tsx';
import { Ago } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { HostView, Joining, RelayView } from '../views.ts';

interface HostsProps {
  session: Session;
  hosts: HostView[];
  relays: RelayView[];
  /** Just created. */
  joining?: Joining;
  /** Id of the relay that is to be deleted. */
  leavingRelay?: string | undefined;
  problem?: ProblemBody;
  said?: string | undefined;
}

export function HostsPage({ session, hosts, relays, joining, leavingRelay, problem, said }: HostsProps) {
  const leaving = relays.find(({ id }) => id === leavingRelay);
  return (
    <Page title="Hosts" session={session} place="Hosts" problem={problem} said={said} everyS={joining ? undefined : 10}>
      {joining ? <JoinCommand {...joining} /> : null}
      <div id="hosts" data-live>
        {hosts.length === 0 ? (
          <Empty title="No hosts yet">
            <p>Add the machine that runs your Compose stacks, and the one that they are to move to.</p>
          </Empty>
        ) : (
          <HostTable hosts={hosts} />
        )}
      </div>
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
            Deletes the relay <strong>{leaving.name}</strong>. Transfers that pass it go on over another one; without
            any, hosts must reach each other by themselves.
          </p>
        </TypeToConfirm>
      ) : null}
      <div id="relays" data-live data-version={JSON.stringify(relays.map(({ id, status }) => [id, status]))}>
        {relays.length === 0 ? (
          <Empty title="No relays yet">
            <p>
              Hosts meet at a relay, which carries their encrypted stream. Without one they must reach each other
              straight.
            </p>
          </Empty>
        ) : (
          <RelayTable relays={relays} />
        )}
      </div>
      <Add kind="relay" hint="Where every host can reach it over TCP." />
    </Page>
  );
}

function HostTable({ hosts }: { hosts: HostView[] }) {
  return (
    <Table
      caption="Hosts"
      columns={[
        'Host',
        'State',
        'Memory free',
        { label: 'Disk free', wide: true },
        { label: 'Agent', wide: true },
        { label: 'Seen', wide: true },
      ]}
    >
      {hosts.map(({ id, name, status, cordoned_at, resources, agent_version, seen_at, warnings }) => (
        <tr>
          <th scope="row" class="whole">
            <a href={`/ui/hosts/${id}`}>{name}</a>
            {warnings.length > 0 ? <span class="state bad">look at it</span> : null}
          </th>
          <td>
            <span class="states">
              <HostState status={status} cordoned={cordoned_at !== null} />
            </span>
          </td>
          <td>{resources ? <Free label={`Memory of ${name} in use`} room={resources.memory} /> : '–'}</td>
          <td class="wide">{resources ? <Free label={`Disk of ${name} in use`} room={resources.disk} /> : '–'}</td>
          <td class="wide">{agent_version ?? '–'}</td>
          <td class="wide">
            <Ago at={seen_at} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

function Free({
  label,
  room,
}: {
  label: string;
  room: { total_bytes: number; used_bytes: number; free_bytes: number };
}) {
  return <Gauge label={label} used={room.used_bytes} total={room.total_bytes} text={bytes(room.free_bytes)} />;
}

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

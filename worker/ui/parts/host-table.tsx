import { share } from '../../../schema/units.ts';
import type { HostView } from '../views.ts';
import { Gauge, type Sorting, Table } from './list.tsx';
import { HostState } from './state.tsx';
import { Ago } from './time.tsx';

export function HostTable({ hosts, sorting }: { hosts: HostView[]; sorting: Sorting }) {
  return (
    <Table
      caption="Hosts"
      sorting={sorting}
      columns={[
        { label: 'Host', sort: 'name' },
        'State',
        { label: 'Memory', sort: 'memory', falling: true },
        { label: 'Disk', wide: true, sort: 'disk', falling: true },
        { label: 'Agent', wide: true },
        { label: 'Seen', wide: true, sort: 'seen', falling: true },
      ]}
    >
      {hosts.map(({ id, name, status, cordoned_at, resources, agent_version, seen_at, warnings }) => (
        <tr class={status === 'online' ? undefined : 'away'}>
          <th scope="row" class="whole">
            <a href={`/ui/hosts/${id}`}>{name}</a>
            {warnings.length > 0 ? <span class="state bad">warning</span> : null}
          </th>
          <td>
            <span class="states">
              <HostState status={status} cordoned={cordoned_at !== null} />
            </span>
          </td>
          <td>
            {resources ? <Room label={`Memory of ${name} in use`} room={resources.memory} status={status} /> : '–'}
          </td>
          <td class="wide">
            {resources ? <Room label={`Disk of ${name} in use`} room={resources.disk} status={status} /> : '–'}
          </td>
          <td class="wide">{agent_version ?? '–'}</td>
          <td class="wide">
            <Ago at={seen_at} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

interface RoomProps {
  label: string;
  room: { total_bytes: number; used_bytes: number; free_bytes: number };
  status: HostView['status'];
}

/** Of a host that is silent: what it said last, without a bar. */
function Room({ label, room: { used_bytes, total_bytes, free_bytes }, status }: RoomProps) {
  const text = `${share(free_bytes, total_bytes)} free`;
  return status === 'online' ? (
    <Gauge label={label} used={used_bytes} total={total_bytes} text={text} />
  ) : (
    <>last {text}</>
  );
}

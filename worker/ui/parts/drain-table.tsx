import type { DrainView } from '../../../schema/api/drains.ts';
import { Table } from './list.tsx';
import { DrainState } from './state.tsx';
import { Ago } from './time.tsx';

/** For example `3 moved, 1 stayed`. */
export const summaryOf = ({ summary }: DrainView): string =>
  Object.entries(summary)
    .filter(([, number]) => number > 0)
    .map(([what, number]) => `${number} ${what}`)
    .join(', ') || 'no stacks';

export function DrainTable({ drains }: { drains: DrainView[] }) {
  return (
    <Table caption="Drains, newest first" columns={['Host', 'State', 'Stacks', { label: 'Began', wide: true }]}>
      {drains.map((drain) => (
        <tr>
          <th scope="row">
            <a href={`/ui/drains/${drain.id}`}>{drain.host.name}</a>
          </th>
          <td>
            <DrainState status={drain.status} />
          </td>
          <td>{summaryOf(drain)}</td>
          <td class="wide">
            <Ago at={drain.created_at} />
          </td>
        </tr>
      ))}
    </Table>
  );
}

import type { MigrationView } from '../../../schema/api/migrations.ts';
import { hostName } from '../../../schema/migration-places.ts';
import { type Sorting, Table } from './list.tsx';
import { MigrationState } from './state.tsx';
import { Ago, took } from './time.tsx';

interface MigrationTableProps {
  migrations: MigrationView[];
  /** All of one stack: the stack column is omitted. */
  ofStack?: boolean;
  sorting?: Sorting;
}

export function MigrationTable({ migrations, ofStack = false, sorting }: MigrationTableProps) {
  return (
    <Table
      caption={sorting ? 'Migrations' : 'Migrations, newest first'}
      {...(sorting ? { sorting } : {})}
      columns={[
        ofStack ? 'Way' : { label: 'Stack', sort: 'stack' },
        { label: 'State', sort: 'state' },
        ...(ofStack ? [] : [{ label: 'Way', wide: true }]),
        { label: 'Began', wide: ofStack, sort: 'began', falling: true },
        { label: 'Took', wide: true, number: true },
      ]}
    >
      {migrations.map((migration) => {
        const { id, stack, created_at, ended_at } = migration;
        const way = `${hostName(migration, 'source')} → ${hostName(migration, 'target')}`;
        return (
          <tr>
            <th scope="row">
              <a href={`/ui/migrations/${id}`}>{ofStack ? way : stack.name}</a>
            </th>
            <td>
              <MigrationState of={migration} />
            </td>
            {ofStack ? null : <td class="wide">{way}</td>}
            <td class={ofStack ? 'wide' : undefined}>
              <Ago at={created_at} />
            </td>
            <td class="wide number">{took(created_at, ended_at)}</td>
          </tr>
        );
      })}
    </Table>
  );
}

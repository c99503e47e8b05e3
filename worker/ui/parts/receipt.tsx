import type { MigrationView } from '../../../schema/api/migrations.ts';
import { bytes, duration, rate, sizeOr } from '../../../schema/units.ts';
import { Card, Facts, Table } from './list.tsx';
import { State } from './state.tsx';
import { Moment } from './time.tsx';

const compared = {
  content: 'names, owners, sizes, times, attributes and contents',
  manifest: 'names, owners, sizes, times and attributes',
} as const;

interface ReceiptProps {
  migration: MigrationView;
  source: string;
  target: string;
}

/** What was moved and proven. Printed by the browser; as JSON by the API. */
export function Receipt({ migration, source, target }: ReceiptProps) {
  const { id, stack, receipt, downtime, created_at, mode } = migration;
  if (!receipt) return null;
  return (
    <Card title="Receipt" id="receipt" acts={<a href={`/ui/migrations/${id}/receipt.json`}>As JSON</a>}>
      <Facts
        rows={[
          ['Stack', stack.name],
          ['From', source],
          ['To', target],
          ['Began', <Moment at={created_at} />],
          ['Completed', <Moment at={receipt.completed_at} />],
          downtime?.ended_at ? ['Downtime', <strong>{downtimeOf(downtime)}</strong>] : null,
          [
            'Sent',
            receipt.bytes_while_running > 0
              ? `${bytes(receipt.bytes)}, ${bytes(receipt.bytes_while_running)} of it while the stack ran (${mode})`
              : bytes(receipt.bytes),
          ],
          receipt.average_rate ? ['Average rate', `${rate(receipt.average_rate)}, verification included`] : null,
          [
            'Verified',
            receipt.equal
              ? `both sides were read back and are equal: ${compared[receipt.compared]}`
              : 'the two sides differ',
          ],
        ]}
      />
      <Table
        caption="What was moved, with its proof"
        columns={[
          'Item',
          'Both sides',
          { label: 'Entries', number: true, wide: true },
          { label: 'Sent', number: true },
          { label: 'Digest', wide: true },
        ]}
      >
        {receipt.items.map(({ item, entries, bytes: sent, digest, equal }) => (
          <tr>
            <th scope="row">{item === 'project' ? 'project directory' : item}</th>
            <td>{equal ? <State tone="ok" word="equal" /> : <State tone="bad" word="differ" />}</td>
            <td class="number wide">{entries ?? '–'}</td>
            <td class="number">{sizeOr(sent, '–')}</td>
            <td class="wide">{digest === null ? '–' : <code title={digest}>{digest.slice(0, 16)}…</code>}</td>
          </tr>
        ))}
      </Table>
    </Card>
  );
}

const downtimeOf = ({ began_at, ended_at }: NonNullable<MigrationView['downtime']>): string =>
  duration((ended_at === null ? Date.now() : Date.parse(ended_at)) - Date.parse(began_at));

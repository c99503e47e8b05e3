import type { MigrationView } from '../../../schema/api/migrations.ts';
import { bytes, downtimeIfCutOver } from '../../../schema/units.ts';
import { Facts } from './list.tsx';
import { Ago, Moment } from './time.tsx';

/** How near the copy is, what a cutover would cost, and why it may be refused. */
export function HoldCard({ migration: { status, hold } }: { migration: MigrationView }) {
  if (!hold || status !== 'holding') return null;
  const { last_pass, cut_over_at, cutting_over, changes } = hold;
  return (
    <section class="card">
      <h2>Hold</h2>
      <Facts
        rows={[
          last_pass
            ? [
                'Latest pass',
                <>
                  {bytes(last_pass.bytes)} in {last_pass.seconds} s, <Ago at={last_pass.ended_at} />
                </>,
              ]
            : ['Latest pass', 'under way'],
          last_pass ? ['Estimate', downtimeIfCutOver(last_pass)] : null,
          [
            'Cut over',
            cutting_over ? 'after one more pass' : cut_over_at ? <Moment at={cut_over_at} /> : 'when you say so',
          ],
        ]}
      />
      {changes.length > 0 ? (
        <div class="alert warn">
          <p>
            <strong>The stack is not what it was when the migration began.</strong> It cannot be cut over like this:
            undo the change, or cancel the migration and start it again.
          </p>
          <ul>
            {changes.map((change) => (
              <li>{change}</li>
            ))}
          </ul>
        </div>
      ) : null}
    </section>
  );
}

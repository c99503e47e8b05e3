import type { MigrationView } from '../../../schema/api/migrations.ts';
import { Facts } from './list.tsx';

/** Where the names of clients lead. */
export function NamesCard({ migration: { names } }: { migration: MigrationView }) {
  if (names.length === 0) return null;
  return (
    <section class="card">
      <h2>Names</h2>
      <Facts
        rows={names.map(({ name, records }): [string, string] => [
          name,
          records.map(({ says }) => says).join('; ') || 'unchanged so far',
        ])}
      />
    </section>
  );
}

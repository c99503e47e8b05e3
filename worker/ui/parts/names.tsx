import type { MigrationView } from '../../../schema/api/migrations.ts';
import { limits } from '../../../schema/limits.ts';
import { Field, type Fields, Hidden } from './form.tsx';
import { Card, Facts } from './list.tsx';

interface NamesProps {
  names: string[];
  fields: Fields;
  action: string;
}

/** Asks for another report, with other names that lead clients to the stack. */
export function NamesForm({ names, fields, action }: NamesProps) {
  return (
    <Card title="Names" id="names">
      <p>
        DNS records at Cloudflare, one on each line, that the target’s agent points at the target once the stack has
        moved, and back after a rollback. The agent needs a token and its public address.
      </p>
      <form method="get" action={action} data-slow="Checking…">
        <Hidden fields={fields} />
        <Field id="cutover_dns" label="Records" hint="zone/name: example.com/shop.example.com">
          <textarea
            id="cutover_dns"
            name="cutover_dns"
            rows={2}
            maxlength={(limits.names.charsMax + 2) * limits.names.namesMax}
            spellcheck={false}
          >
            {names.join('\n')}
          </textarea>
        </Field>
        <p class="acts">
          <button type="submit">Check with these</button>
        </p>
      </form>
    </Card>
  );
}

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

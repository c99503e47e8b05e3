import type { Child } from 'hono/jsx';
import { Field, type Fields, Hidden } from './form.tsx';

/** The entries of a field with one on each line. */
export const linesIn = (field: string | null): string[] =>
  (field ?? '')
    .split(/\r?\n/)
    .map((line) => line.trim())
    .filter((line) => line !== '');

interface LinesProps {
  title: string;
  lead: Child;
  /** Name of the field. */
  name: string;
  label: string;
  hint: string;
  entries: string[];
  entriesMax: number;
  /** Of one entry. */
  charsMax: number;
  /** What the form hands on. */
  fields: Fields;
  action: string;
}

/** Asks for another report, with other entries of a list: one on each line. Folded while there are none. */
export function LinesForm(props: LinesProps) {
  const { title, lead, name, label, hint, entries, entriesMax, charsMax, fields, action } = props;
  return (
    <details class="card fold" open={entries.length > 0}>
      <summary>
        <h2>{title}</h2>
      </summary>
      <p>{lead}</p>
      <form method="get" action={action} data-slow="Checking…">
        <Hidden fields={fields} />
        <Field id={name} label={label} hint={hint}>
          <textarea id={name} name={name} rows={3} maxlength={(charsMax + 2) * entriesMax} spellcheck={false}>
            {entries.join('\n')}
          </textarea>
        </Field>
        <p class="acts">
          <button type="submit">Check with these</button>
        </p>
      </form>
    </details>
  );
}

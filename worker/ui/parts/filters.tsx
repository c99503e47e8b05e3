import type { PropsWithChildren } from 'hono/jsx';
import { Field } from './form.tsx';

/** A form of filters; the sorting goes along. */
export function Filters({ path, query, children }: PropsWithChildren<{ path: string; query: URLSearchParams }>) {
  return (
    <form method="get" action={path} class="filters">
      {['sort', 'order'].map((name) =>
        query.has(name) ? <input type="hidden" name={name} value={query.get(name) ?? ''} /> : null,
      )}
      {children}
    </form>
  );
}

/** Part of a name. */
export function SearchField({ label, value }: { label: string; value: string | null }) {
  return (
    <Field id="search" label={label}>
      <input type="search" id="search" name="search" value={value ?? ''} autocomplete="off" />
    </Field>
  );
}

export type Choice = readonly [value: string, label: string];

export function Choose({ name, label, query, choices }: ChooseProps) {
  return (
    <Field id={name} label={label}>
      <select id={name} name={name}>
        <option value="">any</option>
        {choices.map(([value, text]) => (
          <option value={value} selected={query.get(name) === value}>
            {text}
          </option>
        ))}
      </select>
    </Field>
  );
}
interface ChooseProps {
  name: string;
  label: string;
  query: URLSearchParams;
  choices: readonly Choice[];
}

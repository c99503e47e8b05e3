import type { Child, PropsWithChildren } from 'hono/jsx';

/** A section with a heading. `live` parts are refreshed; `version` tells whether they changed. */
export function Card({
  title,
  id,
  live = false,
  version,
  acts,
  children,
}: PropsWithChildren<{ title: string; id: string; live?: boolean; version?: string; acts?: Child }>) {
  return (
    <section class="card" aria-labelledby={`${id}-title`}>
      <div class="card-head">
        <h2 id={`${id}-title`}>{title}</h2>
        {acts}
      </div>
      <div id={id} data-live={live} data-version={version}>
        {children}
      </div>
    </section>
  );
}

/** `wide` columns are hidden on a phone. */
export type Column = string | { label: string; wide?: boolean; number?: boolean };

export function Table({ columns, caption, children }: PropsWithChildren<{ columns: Column[]; caption: string }>) {
  return (
    <div class="table">
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => {
              const { label, wide = false, number = false } = typeof column === 'string' ? { label: column } : column;
              return (
                <th scope="col" class={[wide ? 'wide' : '', number ? 'number' : ''].join(' ').trim() || undefined}>
                  {label}
                </th>
              );
            })}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

/** Shown instead of an empty list, with what to do next. */
export function Empty({ title, children }: PropsWithChildren<{ title: string }>) {
  return (
    <div class="empty">
      <p class="empty-title">{title}</p>
      {children}
    </div>
  );
}

/** Pairs of label and value. */
export function Facts({ rows }: { rows: ([string, Child] | null)[] }) {
  return (
    <dl class="facts">
      {rows
        .filter((row) => row !== null)
        .map(([label, value]) => (
          <div>
            <dt>{label}</dt>
            <dd>{value}</dd>
          </div>
        ))}
    </dl>
  );
}

/** The link to the next page, with the current filters. */
export function More({ path, query, cursor }: { path: string; query: URLSearchParams; cursor: string | null }) {
  if (cursor === null) return null;
  const next = new URLSearchParams(query);
  next.set('cursor', cursor);
  return (
    <p class="more">
      <a class="button plain" href={`${path}?${next}`}>
        Next page
      </a>
    </p>
  );
}

/** Usage as text and as a meter. */
export function Gauge({ label, used, total, text }: { label: string; used: number; total: number; text: string }) {
  return (
    <span class="gauge">
      <meter aria-label={label} min={0} max={total} high={total * 0.9} value={Math.min(used, total)} />
      <span>{text}</span>
    </span>
  );
}

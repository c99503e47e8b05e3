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

/** On a phone `wide` columns are hidden, and a `below` one goes under its row. `sort`: the list can be sorted by it; `falling`: the first click gives the most first. */
export type Column =
  | string
  | { label: string; wide?: boolean; below?: boolean; number?: boolean; sort?: string; falling?: boolean };

/** How a list is sorted now, and its address with the filters. */
export interface Sorting {
  path: string;
  query: URLSearchParams;
  sort: string;
  order: 'asc' | 'desc';
}

/** The sorting of a page's address; `usual` where it says none. */
export const sortingOf = (path: string, query: URLSearchParams, usual: [string, 'asc' | 'desc']): Sorting => ({
  path,
  query,
  sort: query.get('sort') ?? usual[0],
  order: query.get('order') === 'desc' || (!query.has('order') && usual[1] === 'desc') ? 'desc' : 'asc',
});

type TableProps = PropsWithChildren<{ columns: Column[]; caption: string; sorting?: Sorting }>;

export function Table({ columns, caption, sorting, children }: TableProps) {
  return (
    <div class="table">
      <table>
        <caption class="unseen">{caption}</caption>
        <thead>
          <tr>
            {columns.map((column) => (
              <Head column={typeof column === 'string' ? { label: column } : column} sorting={sorting} />
            ))}
          </tr>
        </thead>
        <tbody>{children}</tbody>
      </table>
    </div>
  );
}

function Head({ column, sorting }: { column: Exclude<Column, string>; sorting: Sorting | undefined }) {
  const { label, wide = false, below = false, number = false, sort, falling = false } = column;
  const classes = [wide || below ? 'wide' : '', number ? 'number' : ''].join(' ').trim() || undefined;
  if (!sorting || sort === undefined)
    return (
      <th scope="col" class={classes}>
        {label}
      </th>
    );
  const isSorted = sorting.sort === sort;
  const next = isSorted ? (sorting.order === 'asc' ? 'desc' : 'asc') : falling ? 'desc' : 'asc';
  const query = new URLSearchParams(sorting.query);
  query.delete('cursor');
  query.set('sort', sort);
  query.set('order', next);
  return (
    <th
      scope="col"
      class={classes}
      aria-sort={isSorted ? (sorting.order === 'asc' ? 'ascending' : 'descending') : undefined}
    >
      <a class="sort" href={`${sorting.path}?${query}`}>
        {label}
      </a>
    </th>
  );
}

/** True if the address leaves something out. */
export const isFiltered = (query: URLSearchParams): boolean =>
  [...query.keys()].some((name) => !['sort', 'order', 'cursor', 'limit'].includes(name));

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

/** The links to the next page and back to the first, with the current filters. */
export function More({ path, query, cursor }: { path: string; query: URLSearchParams; cursor: string | null }) {
  if (cursor === null && !query.has('cursor')) return null;
  const [first, next] = [new URLSearchParams(query), new URLSearchParams(query)];
  first.delete('cursor');
  next.set('cursor', cursor ?? '');
  return (
    <nav class="more" aria-label="Pages">
      {query.has('cursor') ? (
        <a class="button plain" href={first.size === 0 ? path : `${path}?${first}`}>
          First page
        </a>
      ) : null}
      {cursor === null ? null : (
        <a class="button plain" href={`${path}?${next}`}>
          Next page
        </a>
      )}
    </nav>
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

import type { AuditEntry, auditFormats } from './api/access.ts';

/** The audit as files: NDJSON, or CSV quoted as RFC 4180 has it. */
export type AuditFormat = (typeof auditFormats)[number];

const columns: [name: string, of: (entry: AuditEntry) => string | number | null][] = [
  ['id', ({ id }) => id],
  ['at', ({ at }) => at],
  ['actor_kind', ({ actor }) => actor.kind],
  ['actor_id', ({ actor }) => actor.id],
  ['actor_name', ({ actor }) => actor.name],
  ['act', ({ act }) => act],
  [
    'objects',
    ({ objects }) =>
      Object.entries(objects)
        .map((pair) => pair.join('='))
        .join(' '),
  ],
  ['status', ({ status }) => status],
  ['code', ({ code }) => code],
  ['address', ({ address }) => address],
  ['request_id', ({ request_id }) => request_id],
];

/** The lines of a part of the file, without their breaks. */
export function auditLines(format: AuditFormat, entries: AuditEntry[], isFirst: boolean): string[] {
  if (format === 'ndjson') return entries.map((entry) => JSON.stringify(entry));
  const head = isFirst ? [columns.map(([name]) => name).join(',')] : [];
  return [...head, ...entries.map((entry) => columns.map(([, of]) => cell(of(entry))).join(','))];
}

/** Names are free text: what a spreadsheet would take for a formula gets an apostrophe. */
function cell(value: string | number | null): string {
  if (value === null) return '';
  if (typeof value === 'number') return String(value);
  const text = /^[=+\-@\t\r]/.test(value) ? `'${value}` : value;
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}

import { type AuditEntry, type AuditKind, auditView, tokenView } from '../../schema/api/access.ts';
import { page } from '../../schema/api/common.ts';
import { type AuditFormat, auditLines } from '../../schema/audit-text.ts';
import { limits } from '../../schema/limits.ts';
import { ago } from '../../schema/units.ts';
import type { ApiClient } from '../api-client.ts';
import { CliError, exitCodes } from '../exit-code.ts';
import { findHost, listAll, listHosts, listRelays } from '../find.ts';
import { table } from '../output/layout.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Session } from '../session.ts';

interface Filters {
  actor?: string;
  act?: string;
  kind?: AuditKind;
  host?: string;
  stack?: string;
  /** RFC 3339. */
  since?: string;
  until?: string;
  limit: number;
  export?: AuditFormat;
}

/** Who did what, newest first. */
export async function audit({ term, api }: Session, { limit, export: format, ...filters }: Filters) {
  const client = await api();
  const path = `/audit?${await queryOf(client, filters)}`;
  if (format !== undefined) return exportTo(term, client, path, format);
  const items = await listAll(client, path, auditView, limit);
  if (term.json) return term.document(items);
  if (items.length === 0) return term.out('No entries match.');
  const rows = items.map((entry) => [
    ago(entry.at),
    entry.actor.name,
    entry.act.replace('/api/v1', ''),
    entry.status < 400 ? term.paint('green', String(entry.status)) : term.paint('red', entry.code ?? `${entry.status}`),
    Object.values(entry.objects).join(', ') || '-',
    entry.address ?? '-',
  ]);
  term.out(...table(term, ['WHEN', 'WHO', 'ACT', 'RESULT', 'ON', 'FROM'], rows));
}

/** Page by page, so that it is as long as it has to be. */
async function exportTo(term: Terminal, client: ApiClient, path: string, format: AuditFormat): Promise<void> {
  for (let cursor: string | null = ''; cursor !== null; ) {
    const query = `&limit=${limits.control.pageSizeMax}${cursor && `&cursor=${encodeURIComponent(cursor)}`}`;
    const next: { items: AuditEntry[]; next_cursor: string | null } = await client.get(path + query, page(auditView));
    term.out(...auditLines(format, next.items, cursor === ''));
    cursor = next.next_cursor;
  }
}

async function queryOf(client: ApiClient, { actor, act, host, ...plain }: Omit<Filters, 'limit' | 'export'>) {
  return new URLSearchParams({
    ...(actor === undefined ? {} : { actor: await actorId(client, actor) }),
    ...(act === undefined ? {} : { act: fullAct(act) }),
    ...(host === undefined ? {} : { host: /^host_/.test(host) ? host : (await findHost(client, host)).id }),
    ...plain,
  });
}

/** The list shows acts without the API's prefix, so they are taken without it too. */
const fullAct = (act: string) => act.replace(/^([A-Z]+) \/(?!api\/|ui\/)/, '$1 /api/v1/');

/** An id is taken as it is, since the audit remembers who is gone. */
async function actorId(client: ApiClient, wanted: string): Promise<string> {
  if (/^(tok|usr|host|relay)_/.test(wanted)) return wanted;
  const known = [
    ...(await listAll(client, '/tokens', tokenView)),
    ...(await listHosts(client)),
    ...(await listRelays(client)),
  ];
  const named = known.filter(({ name }) => name === wanted);
  const [only] = named;
  if (only && named.length === 1) return only.id;
  if (!only)
    throw new CliError('not_found', `No token, person, host or relay is named "${wanted}".`, exitCodes.not_found, [
      'List them: stackferry tokens --all, stackferry hosts, stackferry relays. Of a deleted one, give the id.',
    ]);
  throw new CliError(
    'ambiguous',
    `${named.length} are named "${wanted}"; give an id.`,
    exitCodes.usage,
    named.map(({ id }) => id),
  );
}

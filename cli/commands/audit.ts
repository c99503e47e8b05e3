import { auditView, tokenView } from '../../schema/api/access.ts';
import { ago } from '../../schema/units.ts';
import type { ApiClient } from '../api-client.ts';
import { CliError, exitCodes } from '../exit-code.ts';
import { listAll, listHosts, listRelays } from '../find.ts';
import { table } from '../output/layout.ts';
import type { Session } from '../session.ts';

interface Filters {
  actor?: string;
  act?: string;
  limit: number;
}

/** Who did what, newest first. */
export async function audit({ term, api }: Session, { actor, act, limit }: Filters) {
  const client = await api();
  const query = new URLSearchParams({
    ...(actor === undefined ? {} : { actor: await actorId(client, actor) }),
    ...(act === undefined ? {} : { act: fullAct(act) }),
  });
  const items = await listAll(client, `/audit?${query}`, auditView, limit);
  if (term.json) return term.document(items);
  if (items.length === 0) return term.out('Nothing fits.');
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

/** The list shows acts without the API's prefix, so they are taken without it too. */
const fullAct = (act: string) => act.replace(/^([A-Z]+) \/(?!api\/|ui\/)/, '$1 /api/v1/');

/** An id is taken as it is, since the audit remembers who is gone. */
async function actorId(client: ApiClient, wanted: string): Promise<string> {
  if (/^(tok|host|relay)_/.test(wanted)) return wanted;
  const known = [
    ...(await listAll(client, '/tokens', tokenView)),
    ...(await listHosts(client)),
    ...(await listRelays(client)),
  ];
  const named = known.filter(({ name }) => name === wanted);
  const [only] = named;
  if (only && named.length === 1) return only.id;
  if (!only)
    throw new CliError('not_found', `No token, host or relay is named "${wanted}".`, exitCodes.not_found, [
      'See which there are: stackferry tokens --all, hosts, relays. Of deleted ones give the id.',
    ]);
  throw new CliError(
    'ambiguous',
    `${named.length} are named "${wanted}"; give an id.`,
    exitCodes.usage,
    named.map(({ id }) => id),
  );
}

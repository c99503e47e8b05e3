import { type MigrationView, migrationView, trafficView } from '../../schema/api/migrations.ts';
import { takesConnections } from '../../schema/forwarding.ts';
import { forwardingSays, trafficSays } from '../../schema/units.ts';
import { confirm } from '../ask.ts';
import { findMigration } from '../find.ts';
import { prose, table } from '../output/layout.ts';
import type { Session } from '../session.ts';

/** Who still comes to the old address; with `end`, nobody is passed on any more. */
export async function forward(session: Session, id: string, options: { end?: boolean; yes?: boolean }) {
  const client = await session.api();
  const view = await findMigration(client, id);
  if (options.end) return end(session, view, options);
  const { term } = session;
  const phase = view.forwarding?.phase;
  const traffic = takesConnections(view.forwarding)
    ? await client.get(`/migrations/${view.id}/traffic`, trafficView)
    : null;
  if (term.json) return term.document({ forwarding: view.forwarding, traffic });
  if (!phase) return term.out(...prose(term, 'Nothing is forwarded: it was started without --forward.'));
  term.out(...prose(term, `New connections to the source ${forwardingSays(phase, view.status)}.`));
  if (!traffic) return;
  const ports = traffic.ports.map((port) => [port.port, trafficSays(port)]);
  const sources = traffic.sources.map(({ address, total }) => [address, `${total} in all`]);
  term.out('', ...table(term, ['PORT', 'CONNECTIONS'], ports));
  if (sources.length > 0) term.out('', ...table(term, ['CLIENT', 'CONNECTIONS'], sources));
}

async function end(session: Session, view: MigrationView, options: { yes?: boolean }) {
  const { term } = session;
  if (!options.yes) term.err(...prose(term, 'Later connections to the old address are refused.'));
  await confirm(term, 'Stop forwarding?', options);
  const client = await session.api();
  await client.delete(`/migrations/${view.id}/forwarding`);
  const after = await client.get(`/migrations/${view.id}`, migrationView);
  if (term.json) return term.document(after);
  term.out('Connections to the old host are no longer forwarded.');
}

import { type MigrationView, migrationView } from '../../schema/api/migrations.ts';
import { isTerminal, type Status } from '../../schema/migration-status.ts';
import { ago } from '../../schema/units.ts';
import { exitCodes } from '../exit-code.ts';
import { findHost, findMigration, listAll } from '../find.ts';
import { table } from '../output/layout.ts';
import { migrationLines, statusStyle, wayOf } from '../output/migration.ts';
import type { Session } from '../session.ts';
import { exitOf, watch } from '../watch.ts';

interface Filters {
  stack?: string;
  host?: string;
  status?: Status;
  cleanupDue?: boolean;
  limit: number;
}

export async function migrations({ term, api }: Session, { stack, host, status, cleanupDue, limit }: Filters) {
  const client = await api();
  const query = new URLSearchParams({
    ...(stack === undefined ? {} : { stack }),
    ...(host === undefined ? {} : { host: (await findHost(client, host)).id }),
    ...(status === undefined ? {} : { status }),
    ...(cleanupDue ? { cleanup_due: 'true' } : {}),
  });
  const items = await listAll(client, `/migrations?${query}`, migrationView, limit);
  if (term.json) return term.document(items);
  if (items.length === 0) return term.out('No migrations. Move a stack: stackferry migrate STACK --to HOST');
  const ids = shortIds(items);
  const rows = items.map((view, at) => [
    ids[at] ?? view.id,
    view.stack.name,
    wayOf(view),
    term.paint(statusStyle(view.status), view.status),
    ago(view.ended_at ?? view.created_at),
  ]);
  term.out(...table(term, ['ID', 'STACK', 'ROUTE', 'STATUS', 'WHEN'], rows));
}

export async function show(session: Session, id: string, options: { watch?: boolean }) {
  const client = await session.api();
  const view = await findMigration(client, id);
  const wanted = view.rollback ? 'rolled_back' : 'completed';
  if (options.watch && !isTerminal(view.status)) return watch(session, view, wanted);
  if (session.term.json) session.term.document(options.watch ? { kind: 'end', data: view } : view);
  else session.term.out(...migrationLines(session.term, view));
  // Same exit code as when watched, for a migration that has ended already.
  return options.watch ? exitOf(view, wanted) : exitCodes.done;
}

/**
 * Shortens ids to their timestamp and some random characters, or more until they are unique; each can be typed as is.
 */
function shortIds(items: MigrationView[]): string[] {
  const enough = 'mig_'.length + 12;
  for (let length = enough; length < (items[0]?.id.length ?? 0); length++) {
    const ids = items.map(({ id }) => id.slice(0, length));
    if (new Set(ids).size === ids.length) return ids;
  }
  return items.map(({ id }) => id);
}

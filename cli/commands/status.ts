import { type DrainView, drainView } from '../../schema/api/drains.ts';
import { type MigrationView, migrationView } from '../../schema/api/migrations.ts';
import { activeDrainStatuses } from '../../schema/drain.ts';
import { limits } from '../../schema/limits.ts';
import { activeStatuses } from '../../schema/migration-status.ts';
import { ago, count, moment } from '../../schema/units.ts';
import type { ApiClient } from '../api-client.ts';
import { type HostView, listAll, listHosts } from '../find.ts';
import { summaryOf } from '../output/drain.ts';
import { prose } from '../output/layout.ts';
import { route, statusStyle } from '../output/migration.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Session } from '../session.ts';

/** What an operator looks for first. A migration is in one list only. */
interface Overview {
  needs_attention: MigrationView[];
  moving: MigrationView[];
  drains: DrainView[];
  /** Completed, and their rollback window is open. */
  open_windows: MigrationView[];
  /** The window is over, and the source is still kept. */
  cleanup_due: MigrationView[];
  offline_hosts: HostView[];
  online_hosts: number;
}

/** One screen: what needs attention, what is moving, which windows are open, which hosts are offline. */
export async function status({ term, api }: Session) {
  const client = await api();
  const hosts = await listHosts(client);
  const view = await overview(client, hosts);
  if (term.json) return term.document(view);
  term.out(...overviewLines(term, view));
}

async function overview(client: ApiClient, hosts: HostView[]): Promise<Overview> {
  const list = (query: string) => listAll(client, `/migrations?${query}`, migrationView, limits.cli.statusItemsMax);
  const [completed, cleanup_due, drains, ...active] = await Promise.all([
    list('status=completed'),
    list('cleanup_due=true'),
    Promise.all(
      activeDrainStatuses.map((each) =>
        listAll(client, `/drains?status=${each}`, drainView, limits.cli.statusItemsMax),
      ),
    ),
    ...activeStatuses.map((each) => list(`status=${each}`)),
  ]);
  const running = active.flat();
  return {
    needs_attention: running.filter((view) => view.status === 'needs_attention'),
    moving: running.filter((view) => view.status !== 'needs_attention'),
    drains: drains.flat(),
    open_windows: completed.filter((view) => canBeRolledBack(view, completed)),
    cleanup_due,
    offline_hosts: hosts.filter((host) => host.status === 'offline'),
    online_hosts: hosts.filter((host) => host.status === 'online').length,
  };
}

/** False once a later migration has taken the stack on from where this one left it. */
function canBeRolledBack(view: MigrationView, completed: MigrationView[]): boolean {
  const goesOn = (later: MigrationView) =>
    later.created_at > view.created_at &&
    later.stack.name === view.stack.name &&
    later.source_host_id === view.target_host_id;
  return view.window?.open === true && !view.window.source_purge?.done_at && !completed.some(goesOn);
}

function overviewLines(term: Terminal, view: Overview): string[] {
  const line = (one: MigrationView, text: string) => `  ${route(one)}: ${text}`;
  const parts: [title: string, lines: string[]][] = [
    [
      term.paint('red', 'Needs attention'),
      view.needs_attention.flatMap((one) => [line(one, one.attention?.why ?? ''), `    stackferry show ${one.id}`]),
    ],
    ['Moving', view.moving.map((one) => line(one, `${painted(term, one)}, began ${ago(one.created_at)}`))],
    ['Drains', view.drains.map((drain) => `  ${drain.host.name}: ${drain.status}, ${summaryOf(drain)}`)],
    ['Can be rolled back', view.open_windows.map((one) => line(one, `until ${moment(one.window?.ends_at ?? '')}`))],
    ['Still kept on the source', view.cleanup_due.map((one) => line(one, `stackferry purge ${one.id}`))],
    [term.paint('red', 'Offline'), view.offline_hosts.map(({ name, seen_at }) => `  ${name}: seen ${ago(seen_at)}`)],
  ];
  const told = parts.filter(([, lines]) => lines.length > 0);
  const calm = view.needs_attention.length === 0 && view.offline_hosts.length === 0;
  const head = calm ? `Nothing needs attention. ${count(view.online_hosts, 'host')} online.` : null;
  return [
    ...(head === null ? [] : prose(term, head)),
    ...told.flatMap(([title, lines], at) => [...(at > 0 || head !== null ? [''] : []), title, ...lines]),
  ];
}

const painted = (term: Terminal, { status }: MigrationView) => term.paint(statusStyle(status), status);

import { migrationView } from '../../schema/api/migrations.ts';
import { hostView } from '../../schema/api/nodes.ts';
import { stackView } from '../../schema/api/stacks.ts';
import { ago, bytes, moment } from '../../schema/units.ts';
import { type ApiClient, ApiProblem } from '../api-client.ts';
import { confirmByTyping } from '../ask.ts';
import {
  findHost,
  findRelay,
  type HostView,
  listAll,
  listHosts,
  listRelays,
  listStacks,
  type RelayView,
} from '../find.ts';
import { holdings } from '../output/holdings.ts';
import { labelled, prose, table } from '../output/layout.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Session } from '../session.ts';

export async function hosts({ term, api }: Session) {
  const items = await listHosts(await api());
  if (term.json) return term.document(items);
  if (items.length === 0) return term.out('No hosts yet. Add one: stackferry join NAME');
  const rows = items.map((host) => [
    host.name,
    status(term, host),
    host.agent_version ?? '-',
    ...roomOf(host),
    seen(host),
  ]);
  term.out(...table(term, ['HOST', 'STATUS', 'AGENT', 'MEMORY FREE', 'DISK FREE', 'LOAD', 'SEEN'], rows));
  for (const { name, warnings } of items)
    for (const { message } of warnings)
      term.out('', ...labelled(term, term.paint('yellow', `! ${name}`), message, 12, 0));
}

export async function showHost({ term, api }: Session, nameOrId: string) {
  const client = await api();
  const host = await client.get(`/hosts/${(await findHost(client, nameOrId)).id}`, hostView);
  if (term.json) return term.document(host);
  const [memory = '', disk = '', load = ''] = roomOf(host);
  const stacks = (await listStacks(client)).filter(({ host_id }) => host_id === host.id).map(({ name }) => name);
  const row = (label: string, text: string) => labelled(term, label, text, 14, 0);
  term.out(
    ...row('host', host.name),
    ...row('id', host.id),
    ...row('status', status(term, host)),
    ...row('seen', seen(host)),
    ...row('joined', host.joined_at ? moment(host.joined_at) : 'not yet'),
    ...row('agent', host.agent_version ?? '-'),
    ...row('connects from', host.connected_from ?? '-'),
    ...row(
      'certificate',
      host.certificate_ends_at ? `until ${moment(host.certificate_ends_at)}, renewed by itself` : '-',
    ),
    ...row('memory free', memory),
    ...row('disk free', disk),
    ...row('load', load),
    ...row('stacks', stacks.join(', ') || 'none'),
    ...host.warnings.flatMap(({ message }) => row(term.paint('yellow', 'warning'), message)),
  );
}

export async function relays({ term, api }: Session) {
  const items = await listRelays(await api());
  if (term.json) return term.document(items);
  if (items.length === 0) return term.out('No relays yet. Add one: stackferry join NAME --relay');
  const rows = items.map((relay) => [relay.name, status(term, relay), addressOf(relay), seen(relay)]);
  term.out(...table(term, ['RELAY', 'STATUS', 'ADDRESS', 'SEEN'], rows));
}

export const deleteHost = (session: Session, nameOrId: string, options: { yes?: boolean }) =>
  deleteNode(session, 'host', nameOrId, options);
export const deleteRelay = (session: Session, nameOrId: string, options: { yes?: boolean }) =>
  deleteNode(session, 'relay', nameOrId, options);

async function deleteNode(
  { term, api }: Session,
  kind: 'host' | 'relay',
  nameOrId: string,
  options: { yes?: boolean },
) {
  const client = await api();
  const node = await (kind === 'host' ? findHost : findRelay)(client, nameOrId);
  if (!options.yes)
    term.err(
      ...prose(
        term,
        `"${node.name}" will be revoked at once: its ${kind === 'host' ? 'agent' : 'relay'} is cut off and cannot return.`,
        ...(kind === 'host' ? await holdingsOf(client, node.id) : []),
      ),
    );
  await confirmByTyping(term, node.name, options);
  await client.delete(`/${kind}s/${node.id}`);
  if (term.json) term.document({ deleted: node.id });
  else term.out(`${node.name} is deleted.`);
}

async function holdingsOf(client: ApiClient, id: string): Promise<string[]> {
  try {
    const stacks = await listAll(client, `/stacks?host=${id}`, stackView);
    return holdings(stacks, await listAll(client, `/migrations?kept=true&host=${id}`, migrationView));
  } catch (error) {
    // A control plane of the release before has no such filters.
    if (error instanceof ApiProblem && error.code === 'invalid_request')
      return ['Its stacks run on, but are no longer seen.'];
    throw error;
  }
}

function roomOf({ resources }: HostView): string[] {
  if (!resources) return ['-', '-', '-'];
  const { memory, disk, cpu } = resources;
  return [
    `${bytes(memory.free_bytes)} of ${bytes(memory.total_bytes)}`,
    `${bytes(disk.free_bytes)} of ${bytes(disk.total_bytes)}`,
    `${cpu.load_1m.toFixed(1)} of ${cpu.cores}`,
  ];
}

const addressOf = ({ address }: RelayView) => (address ? `${address.host}:${address.port}` : '-');

const seen = ({ status, seen_at }: { status: string; seen_at: string | null }) =>
  status === 'online' ? 'now' : ago(seen_at);

function status(term: Terminal, node: { status: 'pending' | 'online' | 'offline' }): string {
  return term.paint(node.status === 'online' ? 'green' : node.status === 'offline' ? 'red' : 'yellow', node.status);
}

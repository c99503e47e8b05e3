import type { z } from 'zod';
import { stackView } from '../../schema/api/stacks.ts';
import type { publishedPort } from '../../schema/facts.ts';
import { ago } from '../../schema/units.ts';
import { findHost, listStacks, type StackView } from '../find.ts';
import { labelled, table } from '../output/layout.ts';
import type { Terminal } from '../output/terminal.ts';
import type { Session } from '../session.ts';

export async function stacks({ term, api }: Session, options: { host?: string }) {
  const client = await api();
  const host = options.host === undefined ? null : await findHost(client, options.host);
  const items = (await listStacks(client)).filter(({ host_id }) => !host || host.id === host_id);
  if (term.json) return term.document(items);
  if (items.length === 0) return term.out('No stacks. They are listed as soon as an agent sees a Compose project run.');
  const rows = items.map((stack) => {
    const { services, volumes, ports } = stack.summary;
    return [
      stack.name,
      stack.host_name,
      state(term, stack),
      `${services.length}`,
      `${volumes.length}`,
      portList(ports),
    ];
  });
  term.out(...table(term, ['STACK', 'HOST', 'STATE', 'SERVICES', 'VOLUMES', 'PORTS'], rows));
}

export async function showStack({ term, api }: Session, name: string, options: { from?: string }) {
  const client = await api();
  const from = options.from === undefined ? '' : `?source_host_id=${(await findHost(client, options.from)).id}`;
  const stack = await client.get(`/stacks/${encodeURIComponent(name)}${from}`, stackView);
  if (term.json) return term.document(stack);
  const { summary } = stack;
  const row = (label: string, text: string) => labelled(term, label, text, 14, 0);
  term.out(
    ...row('stack', stack.name),
    ...row('host', `${stack.host_name} (seen ${ago(stack.seen_at)})`),
    ...row('state', state(term, stack)),
    ...row('directory', summary.working_dir),
    ...row('files', summary.config_files.join(', ') || '-'),
    ...row('volumes', summary.volumes.join(', ') || 'none'),
    ...row('ports', portList(summary.ports) || 'none'),
    ...(summary.bind_mounts.length > 0 ? row('bind mounts', summary.bind_mounts.join(', ')) : []),
    '',
    ...table(
      term,
      ['SERVICE', 'RUNNING', 'IMAGE'],
      summary.services.map((service) => [service.name, runningOf(service), service.image]),
    ),
  );
}

/** As its host last reported it; of a host that is silent nothing is known now. */
function state(term: Terminal, stack: StackView): string {
  const { active_migration_status: migrating, summary } = stack;
  if (migrating === 'needs_attention') return term.paint('red', 'needs attention');
  if (stack.active_migration_id) return term.paint('cyan', 'migrating');
  // A control plane of the release before does not say.
  if (stack.host_online === false) return term.paint('yellow', 'host offline');
  if (summary.plain) return term.paint('dim', 'container');
  if (summary.running) return term.paint('green', 'running');
  return term.paint('dim', summary.services.some(({ running }) => running > 0) ? 'partly running' : 'stopped');
}

/** A job that has ended well is not expected to run. */
const runningOf = ({ running, total, finished = 0 }: StackView['summary']['services'][number]) =>
  finished > 0 && finished === total ? 'finished (exit 0)' : `${running} of ${total}`;

const portList = (ports: z.infer<typeof publishedPort>[]) =>
  [...new Set(ports.map(({ port, protocol }) => `${port}/${protocol}`))].join(', ');

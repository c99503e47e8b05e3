import type { MigrationView } from '../../../schema/api/migrations.ts';
import { Disabled, LinkButton, useReason } from '../parts/form.tsx';
import { KeptBanner, keptCopy } from '../parts/kept.tsx';
import { Page } from '../parts/layout.tsx';
import { Card, Empty, Facts, Table } from '../parts/list.tsx';
import { MigrationTable } from '../parts/migration-table.tsx';
import { StackState } from '../parts/stack-state.tsx';
import { State } from '../parts/state.tsx';
import { Ago } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { HostView, StackView } from '../views.ts';

interface StackProps {
  session: Session;
  stack: StackView;
  hosts: HostView[];
  /** Newest first. */
  migrations: MigrationView[];
  said?: string | undefined;
}

export function StackPage({ session, stack, hosts, migrations, said }: StackProps) {
  const { summary } = stack;
  const host = hosts.find(({ id }) => id === stack.host_id);
  return (
    <Page
      title={stack.name}
      session={session}
      place="Stacks"
      trail={[['Stacks', '/ui/stacks']]}
      beside={
        <span id="state" data-live>
          <StackState stack={stack} host={host} />
        </span>
      }
      acts={<Migrate stack={stack} hosts={hosts} />}
      said={said}
      everyS={10}
    >
      <div id="banners" data-live>
        {migrations
          .filter((migration) => keptCopy(migration) !== null)
          .map((migration) => (
            <KeptBanner migration={migration} />
          ))}
      </div>
      <Card title="Where it runs" id="facts" live>
        <Facts
          rows={[
            ['Host', <a href={`/ui/hosts/${stack.host_id}`}>{stack.host_name}</a>],
            summary.plain ? null : ['Directory', <code>{summary.working_dir}</code>],
            summary.plain
              ? null
              : ['Compose files', <code>{summary.config_files.map((file) => file.split('/').at(-1)).join(', ')}</code>],
            ['Ports', summary.ports.map(({ port, protocol }) => `${port}/${protocol}`).join(', ') || 'none published'],
            ['Volumes', summary.volumes.length > 0 ? summary.volumes.join(', ') : 'none'],
            summary.bind_mounts.length > 0 ? ['Bind mounts', <code>{summary.bind_mounts.join(', ')}</code>] : null,
            ['Reported', <Ago at={stack.seen_at} />],
          ]}
        />
      </Card>
      <Card title="Services" id="services" live>
        <Table caption="Services of the stack" columns={['Service', 'State', { label: 'Image', wide: true }]}>
          {summary.services.map(({ name, image, running, total }) => (
            <tr>
              <th scope="row">{name}</th>
              <td>
                <State tone={running > 0 ? 'ok' : 'idle'} word={`${running} of ${total} running`} />
              </td>
              <td class="wide">
                <code>{image}</code>
              </td>
            </tr>
          ))}
        </Table>
      </Card>
      <Card title="Migrations" id="migrations" live>
        {migrations.length === 0 ? (
          <Empty title="It has not been moved yet">
            <p>A migration checks first, and changes nothing until you have seen the report.</p>
          </Empty>
        ) : (
          <MigrationTable migrations={migrations} ofStack />
        )}
      </Card>
    </Page>
  );
}

/** Shown only if there is more than one host. A disabled button says why. */
function Migrate({ stack, hosts }: { stack: StackView; hosts: HostView[] }) {
  const joined = hosts.filter(({ status }) => status !== 'pending');
  const others = joined.filter(({ id }) => id !== stack.host_id);
  const open = others.filter(({ status, cordoned_at }) => status === 'online' && cordoned_at === null);
  const home = joined.find(({ id }) => id === stack.host_id);
  const why = useReason(
    'migrate',
    stack.active_migration_id !== null
      ? 'A migration of this stack is running.'
      : home?.status !== 'online'
        ? 'Its host is offline.'
        : open.length === 0
          ? `No other host is online and open: ${others.map(({ name, status }) => `${name} is ${status === 'online' ? 'cordoned' : status}`).join(', ')}.`
          : null,
  );
  if (joined.length < 2) return null;
  if (why) return <Disabled label="Migrate" kind="primary" why={why} />;
  return (
    <LinkButton
      href={`/ui/stacks/${encodeURIComponent(stack.name)}/migrate?from=${stack.host_id}`}
      label="Migrate"
      kind="primary"
    />
  );
}

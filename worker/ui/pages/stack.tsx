import type { MigrationView } from '../../../schema/api/migrations.ts';
import { keptCopy } from '../../../schema/migration-places.ts';
import type { Report } from '../../../schema/preflight-report.ts';
import { bytes } from '../../../schema/units.ts';
import { Disabled, LinkButton, useReason } from '../parts/form.tsx';
import { KeptBanner } from '../parts/kept.tsx';
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
  /** Its host; null if that was deleted. */
  host: HostView | null;
  /** Some of the other hosts that have joined. */
  others: HostView[];
  /** A host among all others is online, and open to migrations. */
  isOpen: boolean;
  /** Newest first. */
  migrations: MigrationView[];
  /** Of its latest migration. */
  report: Report | null;
  said?: string | undefined;
}

export function StackPage({ session, stack, host, others, isOpen, migrations, report, said }: StackProps) {
  const { summary } = stack;
  return (
    <Page
      title={stack.name}
      session={session}
      place="Stacks"
      trail={[['Stacks', '/ui/stacks']]}
      beside={
        <span id="state" data-live>
          <StackState stack={stack} online={host?.status === 'online'} />
        </span>
      }
      acts={<Migrate {...{ stack, host, others, isOpen }} />}
      said={said}
      everyS={10}
    >
      {others.length === 0 ? (
        <p class="alert note">
          It can’t move yet: this is the only host. <a href="/ui/hosts">Add a host</a> that it can move to.
        </p>
      ) : null}
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
            ['Volumes', summary.volumes.length > 0 ? <Volumes names={summary.volumes} report={report} /> : 'none'],
            summary.bind_mounts.length > 0 ? ['Bind mounts', <code>{summary.bind_mounts.join(', ')}</code>] : null,
            ['Reported', <Ago at={stack.seen_at} />],
          ]}
        />
      </Card>
      <Card title="Services" id="services" live>
        <Table caption="Services of the stack" columns={['Service', 'State', { label: 'Image', wide: true }]}>
          {summary.services.map((service) => (
            <tr>
              <th scope="row">{service.name}</th>
              <td>
                <ServiceState {...service} />
              </td>
              <td class="wide">
                <code>{service.image}</code>
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

function ServiceState({ running, total, finished = 0 }: StackView['summary']['services'][number]) {
  if (finished > 0 && finished === total) return <State tone="idle" word="finished (exit 0)" />;
  return <State tone={running > 0 ? 'ok' : 'idle'} word={`${running} of ${total} running`} />;
}

/** With their sizes, where the latest pre-flight measured them. */
function Volumes({ names, report }: { names: string[]; report: Report | null }) {
  const sizes = new Map(report?.plan?.items.map(({ name, size_bytes }) => [name, size_bytes]));
  const known = names.some((name) => sizes.get(name) != null);
  return (
    <>
      {names.map((name) => {
        const size = sizes.get(name);
        return <span class="item">{size == null ? name : `${name}, ${bytes(size)}`}</span>;
      })}
      {known && report ? (
        <span class="below">
          measured <Ago at={new Date(report.made_at).toISOString()} />
        </span>
      ) : null}
    </>
  );
}

/** Shown only if there is more than one host. A disabled button says why. */
function Migrate({ stack, host, others, isOpen }: Pick<StackProps, 'stack' | 'host' | 'others' | 'isOpen'>) {
  const why = useReason(
    'migrate',
    stack.active_migration_id !== null
      ? 'A migration of this stack is running.'
      : host?.status !== 'online'
        ? 'Its host is offline.'
        : !isOpen
          ? `No other host is online and open: ${others.map(({ name, status }) => `${name} is ${status === 'online' ? 'cordoned' : status}`).join(', ')}.`
          : null,
  );
  if (others.length === 0) return null;
  if (why) return <Disabled label="Migrate" kind="primary" why={why} />;
  return (
    <LinkButton
      href={`/ui/stacks/${encodeURIComponent(stack.name)}/migrate?from=${stack.host_id}`}
      label="Migrate"
      kind="primary"
    />
  );
}

import type { DrainView } from '../../../schema/api/drains.ts';
import type { MigrationView } from '../../../schema/api/migrations.ts';
import { limits } from '../../../schema/limits.ts';
import { count, share } from '../../../schema/units.ts';
import type { Page as ListPage, ProblemBody } from '../call.ts';
import { DrainTable } from '../parts/drain-table.tsx';
import { ActButton, Disabled, LinkButton, TypeToConfirm, useReason } from '../parts/form.tsx';
import { Holdings } from '../parts/holdings.tsx';
import { Page } from '../parts/layout.tsx';
import { Card, Empty, Facts, Gauge, Table } from '../parts/list.tsx';
import { StackState } from '../parts/stack-state.tsx';
import { HostState } from '../parts/state.tsx';
import { Ago, Moment } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { HostView, StackView } from '../views.ts';
import { stackHref } from './stacks.tsx';

interface HostProps {
  session: Session;
  host: HostView;
  /** The stacks on this host. */
  stacks: StackView[];
  /** Newest first. */
  drains: DrainView[];
  /** Migrations that keep a copy here. */
  kept: ListPage<MigrationView>;
  problem?: ProblemBody | undefined;
  said?: string | undefined;
}

export function HostPage({ session, host, stacks, drains, kept, problem, said }: HostProps) {
  const { id, name, status, resources, cordoned_at } = host;
  const shown = stacks.slice(0, limits.ui.stacksOfHostMax);
  return (
    <Page
      title={name}
      session={session}
      place="Hosts"
      trail={[['Hosts', '/ui/hosts']]}
      beside={
        <span id="state" data-live>
          <HostState status={status} cordoned={cordoned_at !== null} />
        </span>
      }
      acts={<Acts host={host} stacks={stacks} />}
      problem={problem}
      said={said}
      everyS={10}
    >
      {host.warnings.map(({ message }) => (
        <p class="alert bad">{message}</p>
      ))}
      <div id="standing" data-live>
        {status === 'pending' ? <NotJoined host={host} /> : null}
        {status === 'offline' ? <Away host={host} /> : null}
      </div>
      <Card title="The machine" id="facts" live>
        <Facts
          rows={[
            ...(resources ? roomRows(resources, status === 'online') : []),
            ['Agent', host.agent_version ?? 'has not joined yet'],
            ['Seen', <Ago at={host.seen_at} />],
            host.connected_from ? ['Connects from', host.connected_from] : null,
            cordoned_at ? ['Cordoned', <Ago at={cordoned_at} />] : null,
            host.certificate_ends_at
              ? [
                  'Certificate',
                  <>
                    until <Moment at={host.certificate_ends_at} />, renewed automatically
                  </>,
                ]
              : null,
            ['Id', <code>{id}</code>],
          ]}
        />
      </Card>
      <Card title="Stacks here" id="stacks" live>
        {stacks.length === 0 ? (
          <Empty title="No stack runs here">
            <p>What Docker Compose starts on this host appears here within seconds.</p>
          </Empty>
        ) : (
          <Table caption="Stacks on this host" columns={['Stack', 'State', { label: 'Holds', wide: true }]}>
            {shown.map((stack) => (
              <tr>
                <th scope="row">
                  <a href={stackHref(stack, true)}>{stack.name}</a>
                </th>
                <td>
                  <StackState stack={stack} online={status === 'online'} />
                </td>
                <td class="wide">
                  {count(stack.summary.services.length, 'service')}, {count(stack.summary.volumes.length, 'volume')}
                </td>
              </tr>
            ))}
          </Table>
        )}
        {stacks.length > shown.length ? (
          <p class="rest">
            <a href={`/ui/stacks?host=${id}`}>All {stacks.length} stacks of this host</a>
          </p>
        ) : null}
      </Card>
      {drains.length > 0 ? (
        <Card title="Drains" id="drains" live>
          <DrainTable drains={drains} />
        </Card>
      ) : null}
      <div class="acts">
        <TypeToConfirm action={`/ui/hosts/${id}/delete`} label="Delete host" scope="admin" word={name}>
          <p>Its certificate is revoked and its connection closed at once. Nothing on the machine itself is changed.</p>
          <Holdings host={id} stacks={stacks} kept={kept} />
        </TypeToConfirm>
      </div>
    </Page>
  );
}

function Acts({ host: { id, cordoned_at }, stacks }: { host: HostView; stacks: StackView[] }) {
  const why = useReason('migrate', stacks.length === 0 ? 'No stack runs here.' : null);
  return (
    <>
      {cordoned_at === null ? (
        <ActButton action={`/ui/hosts/${id}/cordon`} label="Cordon" scope="migrate" />
      ) : (
        <ActButton action={`/ui/hosts/${id}/uncordon`} label="Uncordon" scope="migrate" />
      )}
      {why ? (
        <Disabled label="Drain" kind="primary" why={why} />
      ) : (
        <LinkButton href={`/ui/hosts/${id}/drain`} label="Drain" kind="primary" />
      )}
    </>
  );
}

function NotJoined({ host }: { host: HostView }) {
  return (
    <div class="alert warn">
      <p>
        <strong>This host has not joined yet.</strong> Run the command that was shown when it was added; it works once,
        for a day. If it is lost or has expired, make a new one: the previous one then no longer works.
      </p>
      <p>
        <ActButton action={`/ui/hosts/${host.id}/join-token`} label="Make a new join command" scope="admin" />
      </p>
    </div>
  );
}

function Away({ host: { name, seen_at } }: { host: HostView }) {
  return (
    <p class="alert warn">
      <strong>{name} is offline</strong>, last heard <Ago at={seen_at} />. What follows is what it reported then. Start
      its agent (<code>systemctl start stackferry-agent</code>), and check that the machine can reach this control
      plane.
    </p>
  );
}

function roomRows(
  { memory, disk, cpu }: NonNullable<HostView['resources']>,
  now: boolean,
): [string, ReturnType<typeof Gauge> | string][] {
  const room = (label: string, { used_bytes, total_bytes, free_bytes }: typeof memory) => {
    const text = `${share(free_bytes, total_bytes)} free`;
    return now ? Gauge({ label, used: used_bytes, total: total_bytes, text }) : `${text}, when it was last heard`;
  };
  return [
    ['Memory', room('Memory in use', memory)],
    ['Disk', room('Disk in use', disk)],
    ['Load', <span>{`${cpu.load_1m} on ${count(cpu.cores, 'core')}`}</span>],
  ];
}

import type { MigrationView, TrafficView } from '../../../schema/api/migrations.ts';
import { hostName } from '../../../schema/migration-places.ts';
import { isTerminal } from '../../../schema/migration-status.ts';
import { rateLimit } from '../../../schema/units.ts';
import type { ProblemBody } from '../call.ts';
import { sentenceOf } from '../migration-sentence.ts';
import { DownFor } from '../parts/down-for.tsx';
import { EventLog, type EventRow } from '../parts/event-log.tsx';
import { ForwardingCard } from '../parts/forwarding.tsx';
import { HoldCard } from '../parts/hold.tsx';
import { Page } from '../parts/layout.tsx';
import { LeftOutCard } from '../parts/left-out.tsx';
import { Card, Facts } from '../parts/list.tsx';
import { MigrationActs, versionOf } from '../parts/migration-acts.tsx';
import { NamesCard } from '../parts/names.tsx';
import { Progress, percentOf } from '../parts/progress.tsx';
import { Receipt } from '../parts/receipt.tsx';
import { Checks, Notes } from '../parts/report.tsx';
import { Silence } from '../parts/silence.tsx';
import { MigrationState } from '../parts/state.tsx';
import { Steps } from '../parts/steps.tsx';
import { Succession } from '../parts/succession.tsx';
import { Ago, took } from '../parts/time.tsx';
import { isTroubled, OwedCard, TroubleCard, WindowCard } from '../parts/trouble.tsx';
import type { Session } from '../session.ts';
import type { HostView } from '../views.ts';
import { inWords } from '../words.ts';
import { stackHref } from './stacks.tsx';

interface MigrationProps {
  session: Session;
  migration: MigrationView;
  /** Its hosts, while it is active. */
  hosts: HostView[];
  /** Null unless its source forwards connections. */
  traffic: TrafficView | null;
  events: EventRow[];
  problem?: ProblemBody | undefined;
  said?: string | undefined;
}

export function MigrationPage({ session, migration, hosts, traffic, events, problem, said }: MigrationProps) {
  const { id, stack, status, report } = migration;
  const [source, target] = [hostName(migration, 'source'), hostName(migration, 'target')];
  const nameOf = (hostId: string) => (hostId === migration.source_host_id ? source : target);
  const last = events.at(-1)?.id ?? 0;
  const ended = isTerminal(status);
  const settled = ended && migration.owed.length === 0;
  const acts = <MigrationActs migration={migration} source={source} target={target} traffic={traffic} />;
  return (
    <Page
      title={`${stack.name}: ${source} → ${target}`}
      progress={progressOf(migration)}
      session={session}
      place="Migrations"
      trail={[
        ['Stacks', '/ui/stacks'],
        [stack.name, stackHref({ name: stack.name, host_id: '' })],
      ]}
      beside={
        <span id="state" data-live>
          <MigrationState of={migration} />
        </span>
      }
      problem={problem}
      said={said}
      events={ended ? undefined : `/ui/migrations/${id}/events?after=${last}`}
      everyS={settled ? 30 : 5}
    >
      <p class="now" role="status" id="now" data-live-text>
        {sentenceOf(migration, source, target)}
      </p>
      <div id="since" data-live>
        <Silence hosts={hosts} status={status} />
        {ended ? <Succession migration={migration} source={source} target={target} /> : null}
      </div>
      <div
        id="trouble"
        data-live
        data-version={JSON.stringify([migration.attention, migration.failure, migration.owed, versionOf(migration)])}
      >
        <TroubleCard migration={migration} source={source} target={target}>
          {acts}
        </TroubleCard>
        <OwedCard migration={migration} nameOf={nameOf} />
      </div>
      <div class="columns">
        <Card title="Steps" id="steps" live>
          <Steps migration={migration} />
        </Card>
        <div>
          <div id="downtime" data-live>
            <DownFor migration={migration} />
          </div>
          <div id="progress" data-live>
            <Progress migration={migration} />
          </div>
          <div id="hold" data-live>
            <HoldCard migration={migration} />
          </div>
          <div id="forwarding" data-live>
            <ForwardingCard migration={migration} traffic={traffic} />
          </div>
          <div id="names" data-live>
            <NamesCard migration={migration} />
          </div>
          <div id="window" data-live>
            <WindowCard migration={migration} source={source} target={target} />
          </div>
          <div id="acts" data-live data-version={versionOf(migration)}>
            {isTroubled(migration) ? null : acts}
          </div>
        </div>
      </div>
      <div id="proof" data-live>
        <Receipt migration={migration} source={source} target={target} />
      </div>
      <Card title="Event log" id="log" live>
        <EventLog events={events} />
      </Card>
      <div id="left" data-live>
        <LeftOutCard left={migration.left_out} />
      </div>
      {report ? (
        <details class="card fold" id="report">
          <summary>
            <h2>Pre-flight report</h2>
          </summary>
          <Notes notes={report.notes} />
          <Checks checks={report.checks} />
        </details>
      ) : null}
      <Card title="Details" id="details" live>
        <Facts
          rows={[
            ['Migration', <code>{id}</code>],
            ['Mode', migration.mode],
            ['Compared by', migration.verify === 'content' ? 'contents' : 'names, sizes, times, owners'],
            ['Room sized by', `the ${migration.sizing}`],
            ['Bandwidth', migration.bandwidth_limit === null ? 'no limit' : rateLimit(migration.bandwidth_limit)],
            migration.home ? ['Now on', <a href={`/ui/hosts/${migration.home.id}`}>{migration.home.name}</a>] : null,
            migration.requested_by ? ['Started with', `token ${migration.requested_by.name}`] : null,
            ['Began', <Ago at={migration.created_at} />],
            ended ? ['Took', took(migration.created_at, migration.ended_at)] : null,
          ]}
        />
      </Card>
    </Page>
  );
}

/** `42 %` while bytes are counted, else the state. */
function progressOf({ status, progress }: MigrationView): string {
  if (!progress || progress.bytes_total === null || isTerminal(status)) return inWords(status);
  return `${percentOf(progress.bytes_done, progress.bytes_total)} %`;
}

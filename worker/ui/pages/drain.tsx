import type { DrainView } from '../../../schema/api/drains.ts';
import type { ProgressView } from '../../../schema/api/migrations.ts';
import { hasEnded } from '../../../schema/drain.ts';
import { rate, share } from '../../../schema/units.ts';
import type { ProblemBody } from '../call.ts';
import { summaryOf } from '../parts/drain-table.tsx';
import { ActButton, Form } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Card, Facts, Table } from '../parts/list.tsx';
import { Advice } from '../parts/report.tsx';
import { DrainStackState, DrainState } from '../parts/state.tsx';
import { Ago } from '../parts/time.tsx';
import type { Session } from '../session.ts';
import type { HostView } from '../views.ts';

interface DrainProps {
  session: Session;
  drain: DrainView;
  /** Null if it was deleted. */
  host: HostView | null;
  /** Of what moves now, by the id of its migration. */
  progress: ReadonlyMap<string, ProgressView | null>;
  problem?: ProblemBody | undefined;
  said?: string | undefined;
}

export function DrainPage({ session, drain, host, progress, problem, said }: DrainProps) {
  const { summary, stacks } = drain;
  const ended = hasEnded(drain.status);
  const decided = summary.moved + summary.stayed + summary.gone;
  return (
    <Page
      title={`Drain of ${drain.host.name}`}
      progress={ended ? drain.status : `${decided} of ${stacks.length}`}
      session={session}
      place="Drains"
      trail={[
        ['Drains', '/ui/drains'],
        [drain.host.name, `/ui/hosts/${drain.host.id}`],
      ]}
      beside={
        <span id="state" data-live>
          <DrainState status={drain.status} />
        </span>
      }
      problem={problem}
      said={said}
      everyS={ended ? 30 : 2}
    >
      <p class="now" role="status" id="now" data-live-text>
        {ended ? `Ended: ${summaryOf(drain)}.` : `${decided} of ${stacks.length} done: ${summaryOf(drain)}.`}
      </p>
      <div id="all" data-live>
        <progress aria-label="Stacks done" max={Math.max(1, stacks.length)} value={decided} />
      </div>
      <div id="acts" data-live data-version={`${drain.status} ${host?.cordoned_at}`}>
        <Acts drain={drain} host={host} />
      </div>
      <Card title="Stacks" id="stacks" live>
        <Table caption="Stacks of the drain" columns={['Stack', 'State', 'To', { label: 'Note', below: true }]}>
          {stacks.map(({ stack, status, target, migration_id, obstacle, since }) => (
            <tr>
              <th scope="row">
                {migration_id ? <a href={`/ui/migrations/${migration_id}`}>{stack.name}</a> : stack.name}
              </th>
              <td>
                <DrainStackState status={status} />
              </td>
              <td>{target?.name ?? '–'}</td>
              <td class={obstacle ? 'below-row words' : status === 'moving' ? 'below-row' : 'wide'}>
                {migration_id && status === 'moving' ? (
                  <Share of={progress.get(migration_id)} name={stack.name} />
                ) : null}
                {obstacle ? (
                  <>
                    <Advice text={obstacle.message} /> <code class="muted">{obstacle.code}</code>
                  </>
                ) : (
                  <Ago at={since} />
                )}
              </td>
            </tr>
          ))}
        </Table>
      </Card>
      <Card title="Details" id="details">
        <Facts
          rows={[
            ['Drain', <code>{drain.id}</code>],
            ['Mode', drain.mode],
            ['At a time', drain.max_parallel],
            ['Where to', drain.pack ? 'packed on few hosts' : 'spread: most room left'],
            ['Began', <Ago at={drain.created_at} />],
            drain.ended_at ? ['Ended', <Ago at={drain.ended_at} />] : null,
          ]}
        />
      </Card>
    </Page>
  );
}

/** How much of a stack has arrived. */
function Share({ of, name }: { of: ProgressView | null | undefined; name: string }) {
  if (!of || of.bytes_total === null) return null;
  const { bytes_done, bytes_total, rate: now } = of;
  return (
    <span class="gauge">
      <progress aria-label={`Progress of ${name}`} max={Math.max(1, bytes_total)} value={bytes_done} />
      <span>
        {share(bytes_done, bytes_total)}
        {now === null ? '' : `, ${rate(now)}`}
      </span>
    </span>
  );
}

function Acts({ drain, host }: { drain: DrainView; host: HostView | null }) {
  const place = `/ui/drains/${drain.id}`;
  if (hasEnded(drain.status))
    return host?.cordoned_at ? (
      <div class="acts">
        <ActButton action={`/ui/hosts/${host.id}/uncordon`} label={`Uncordon ${host.name}`} scope="migrate" />
      </div>
    ) : null;
  return (
    <div class="acts">
      {drain.status === 'running' ? <ActButton action={`${place}/pause`} label="Pause" scope="migrate" /> : null}
      {drain.status === 'paused' ? (
        <ActButton action={`${place}/resume`} label="Resume" scope="migrate" kind="primary" />
      ) : null}
      {drain.status === 'aborting' ? null : (
        <details class="confirm">
          <summary class="button danger">Abort…</summary>
          <Form action={`${place}/abort`} class="stack">
            <p>What has not moved stays on {drain.host.name}, which stays cordoned.</p>
            <label class="check">
              <input type="checkbox" name="cancel_running" /> Also cancel running migrations
            </label>
            <button type="submit" class="danger">
              Abort
            </button>
          </Form>
        </details>
      )}
    </div>
  );
}

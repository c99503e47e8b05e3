import { fixFirst, waysOut } from '../../../schema/lift.ts';
import { limits } from '../../../schema/limits.ts';
import { verifications } from '../../../schema/migration-status.ts';
import type { Report } from '../../../schema/preflight-report.ts';
import { count } from '../../../schema/units.ts';
import type { ProblemBody } from '../call.ts';
import type { Needs } from '../destinations.ts';
import { BindMounts } from '../parts/bind-mounts.tsx';
import { Disabled, Field, type Fields, Form, Hidden, LinkButton, useReason } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Lifts } from '../parts/lifts.tsx';
import { LinesForm } from '../parts/lines-form.tsx';
import { Card } from '../parts/list.tsx';
import { CheckList, Checks, Notes, PlanView } from '../parts/report.tsx';
import { RoomNeeded } from '../parts/room-needed.tsx';
import type { Session } from '../session.ts';
import type { HostView, StackView, Wanted } from '../views.ts';
import { wantedFields } from '../wanted.ts';
import { stackHref } from './stacks.tsx';

interface ReviewProps {
  session: Session;
  stack: StackView;
  /** Null if it is not in the fleet any more. */
  target: HostView | null;
  /** What the whole source host uses, with the margins; null if it has not said so. */
  hostNeeds: Needs | null;
  report: Report;
  wanted: Wanted;
  problem?: ProblemBody | undefined;
}

/** Second step of a migration: the report of the pre-flight, and the start. */
export function ReviewPage({ session, stack, target: host, hostNeeds, report, wanted, problem }: ReviewProps) {
  const target = host?.name ?? report.inputs.target_host_id;
  const failed = report.checks.filter(({ status }) => status === 'fail');
  const ways = waysOut(report.checks);
  const from: Fields[number] = ['from', stack.host_id];
  const again = new URLSearchParams([...wantedFields(wanted), from]);
  const place = `/ui/stacks/${encodeURIComponent(stack.name)}/migrate`;
  const review = `${place}/review`;
  return (
    <Page
      title={`${stack.name}: ${stack.host_name} → ${target}`}
      session={session}
      place="Stacks"
      trail={[
        ['Stacks', '/ui/stacks'],
        [stack.name, stackHref(stack, true)],
        ['Migrate', `${place}?${again}`],
      ]}
      problem={problem}
    >
      <p class={`alert ${report.passed ? 'ok' : 'bad'}`} role="status">
        {report.passed
          ? `The pre-flight passed: all ${report.checks.length} checks. Nothing has been changed.`
          : `The pre-flight failed: ${failed.length} of ${count(report.checks.length, 'check')}. Nothing was changed. ${
              ways.length > 0 ? 'It can’t move as asked; it could with the options below.' : fixFirst(report.checks)
            }`}
      </p>
      {failed.length > 0 ? (
        <Card title="What stands in the way" id="failed">
          <CheckList checks={failed} />
        </Card>
      ) : null}
      {ways.length > 0 ? <Lifts ways={ways} fields={[...wantedFields(wanted), from]} action={review} /> : null}
      {report.plan ? (
        <Card title={report.passed ? 'What will happen' : 'What would happen'} id="plan">
          <PlanView plan={report.plan} mode={report.inputs.mode} />
          <RoomNeeded report={report} hostNeeds={hostNeeds} fields={[...wantedFields(wanted), from]} action={review} />
        </Card>
      ) : null}
      {report.notes.length > 0 ? (
        <Card title="Notes" id="notes">
          <Notes notes={report.notes} />
        </Card>
      ) : null}
      {report.bind_mounts.length > 0 ? (
        <BindMounts binds={report.bind_mounts} fields={[...wantedFields(wanted, 'binds'), from]} action={review} />
      ) : null}
      <More wanted={wanted} from={from} action={review} />
      <Go {...{ stack, wanted, target, place }} failed={failed.length} again={`${review}?${again}`} />
      <Card title="Checks" id="checks">
        <Checks checks={report.checks} />
      </Card>
    </Page>
  );
}

/** Lists that the report can be asked for again with. */
function More({ wanted, from, action }: { wanted: Wanted; from: Fields[number]; action: string }) {
  return (
    <>
      <LinesForm
        title="Leave out"
        lead="Paths of the source, one on each line, that stay there: in the project directory and in the bind mounts that move. A volume moves whole."
        name="exclude"
        label="Patterns"
        hint="/srv/media/cache, /srv/media/**/*.part: * and ? match within a name, ** directories"
        entries={wanted.exclude}
        entriesMax={limits.api.excludePatternsMax}
        charsMax={limits.api.excludePatternCharsMax}
        fields={[...wantedFields(wanted, 'exclude'), from]}
        action={action}
      />
      <LinesForm
        title="Names"
        lead="DNS records at Cloudflare, one on each line, that the target’s agent points at the target once the stack has moved, and back after a rollback. The agent needs a token and its public address."
        name="cutover_dns"
        label="Records"
        hint="zone/name: example.com/shop.example.com"
        entries={wanted.cutover_dns}
        entriesMax={limits.names.namesMax}
        charsMax={limits.names.charsMax}
        fields={[...wantedFields(wanted, 'cutover_dns'), from]}
        action={action}
      />
    </>
  );
}

interface GoProps {
  stack: StackView;
  wanted: Wanted;
  target: string;
  failed: number;
  place: string;
  again: string;
}

function Go({ stack, wanted, target, failed, place, again }: GoProps) {
  const why = useReason(
    'migrate',
    failed > 0 ? 'Fix what failed, or choose an option that allows it, then check again.' : null,
  );
  if (why)
    return (
      <p class="acts">
        <LinkButton href={again} label="Check again" kind={failed > 0 ? 'primary' : 'plain'} />
        <Disabled label={`Migrate to ${target}`} why={why} />
      </p>
    );
  return (
    <Form action={place} class="go">
      <Hidden fields={[...wantedFields(wanted), ['from', stack.host_id]]} />
      <details>
        <summary>More options</summary>
        <div class="fields">
          <Field id="verify" label="Compare both sides by">
            <select id="verify" name="verify">
              <option value="">what suits the mode</option>
              {verifications.map((verify) => (
                <option value={verify}>{verify === 'content' ? 'contents too' : 'names, sizes, times, owners'}</option>
              ))}
            </select>
          </Field>
          <Field
            id="health_timeout_s"
            label="Seconds to become healthy"
            hint={`${limits.health.timeoutSDefault} if empty`}
          >
            <input
              id="health_timeout_s"
              type="number"
              name="health_timeout_s"
              min="1"
              max={String(limits.health.timeoutSMax)}
            />
          </Field>
          <Field id="callback_url" label="Callback address" hint="Receives this migration's webhooks; https">
            <input id="callback_url" type="url" name="callback_url" maxlength={limits.api.urlCharsMax} />
          </Field>
        </div>
      </details>
      <p class="acts">
        <button type="submit" class="primary" data-slow="Starting…">
          Migrate to {target}
        </button>
        <LinkButton href={again} label="Check again" />
      </p>
    </Form>
  );
}

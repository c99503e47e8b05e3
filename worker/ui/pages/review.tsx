import { fixFirst, waysOut } from '../../../schema/lift.ts';
import { limits } from '../../../schema/limits.ts';
import { verifications } from '../../../schema/migration-status.ts';
import type { Report } from '../../../schema/preflight-report.ts';
import { count } from '../../../schema/units.ts';
import type { ProblemBody } from '../call.ts';
import { consentFields } from '../consents.ts';
import { BindMounts } from '../parts/bind-mounts.tsx';
import { Exclusion } from '../parts/exclusion.tsx';
import { Disabled, Field, type Fields, Form, Hidden, LinkButton, useReason } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Lifts } from '../parts/lifts.tsx';
import { Card } from '../parts/list.tsx';
import { NamesForm } from '../parts/names.tsx';
import { Checks, Notes, PlanView } from '../parts/report.tsx';
import type { Session } from '../session.ts';
import type { HostView, StackView, Wanted } from '../views.ts';
import { stackHref } from './stacks.tsx';

interface ReviewProps {
  session: Session;
  stack: StackView;
  hosts: HostView[];
  report: Report;
  wanted: Wanted;
  problem?: ProblemBody | undefined;
}

/** Second step of a migration: the report of the pre-flight, and the start. */
export function ReviewPage({ session, stack, hosts, report, wanted, problem }: ReviewProps) {
  const target = hosts.find(({ id }) => id === report.inputs.target_host_id)?.name ?? report.inputs.target_host_id;
  const failed = report.checks.filter(({ status }) => status === 'fail').length;
  const ways = waysOut(report.checks);
  const again = new URLSearchParams([...fieldsOf(wanted), ['from', stack.host_id]]);
  const place = `/ui/stacks/${encodeURIComponent(stack.name)}/migrate`;
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
          : `The pre-flight failed: ${count(failed, 'check')} of ${report.checks.length}. Nothing was changed. ${
              ways.length > 0 ? 'It can’t move as asked; it could with the options below.' : fixFirst(report.checks)
            }`}
      </p>
      {ways.length > 0 ? (
        <Lifts ways={ways} fields={[...fieldsOf(wanted), ['from', stack.host_id]]} action={`${place}/review`} />
      ) : null}
      {report.plan ? (
        <Card title={report.passed ? 'What will happen' : 'What would happen'} id="plan">
          <PlanView plan={report.plan} mode={report.inputs.mode} />
        </Card>
      ) : null}
      {report.notes.length > 0 ? (
        <Card title="Notes" id="notes">
          <Notes notes={report.notes} />
        </Card>
      ) : null}
      {report.bind_mounts.length > 0 ? (
        <BindMounts
          binds={report.bind_mounts}
          fields={[...commonFields(wanted), ...excludeFields(wanted), ...nameFields(wanted), ['from', stack.host_id]]}
          action={`${place}/review`}
        />
      ) : null}
      <Exclusion
        exclude={wanted.exclude}
        fields={[...commonFields(wanted), ...bindFields(wanted), ...nameFields(wanted), ['from', stack.host_id]]}
        action={`${place}/review`}
      />
      <NamesForm
        names={wanted.cutover_dns}
        fields={[...commonFields(wanted), ...bindFields(wanted), ...excludeFields(wanted), ['from', stack.host_id]]}
        action={`${place}/review`}
      />
      <Go {...{ stack, wanted, target, failed, place }} again={`${place}/review?${again}`} />
      <Card title="Checks" id="checks">
        <Checks checks={report.checks} />
      </Card>
    </Page>
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
    failed > 0 ? 'Fix what failed, or choose options that lift it, then check again.' : null,
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
      <Hidden fields={[...fieldsOf(wanted), ['from', stack.host_id]]} />
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
          <Field id="bandwidth_limit" label="Bandwidth, bytes per second" hint="500K, 20M; no limit if empty">
            <input id="bandwidth_limit" name="bandwidth_limit" maxlength={20} autocomplete="off" />
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

const fieldsOf = (wanted: Wanted): Fields => [
  ...commonFields(wanted),
  ...bindFields(wanted),
  ...excludeFields(wanted),
  ...nameFields(wanted),
];

const bindFields = ({ binds }: Wanted): Fields => binds.map((choice): Fields[number] => ['bind', choice]);

const excludeFields = ({ exclude }: Wanted): Fields => (exclude.length > 0 ? [['exclude', exclude.join('\n')]] : []);

const nameFields = ({ cutover_dns }: Wanted): Fields =>
  cutover_dns.length > 0 ? [['cutover_dns', cutover_dns.join('\n')]] : [];

const commonFields = ({ target, mode, sizing, ...wanted }: Wanted): Fields => [
  ['target', target],
  ['mode', mode],
  ['sizing', sizing],
  ...consentFields(wanted),
  ...wanted.env.map((setting): Fields[number] => ['env', setting]),
];

import { bytes } from '../../../schema/units.ts';
import type { ProblemBody } from '../call.ts';
import { consentNames, consents } from '../consents.ts';
import { LinkButton } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Empty } from '../parts/list.tsx';
import { HostState } from '../parts/state.tsx';
import type { Session } from '../session.ts';
import type { HostView, StackView, Wanted } from '../views.ts';
import { stackHref } from './stacks.tsx';

interface ChooseProps {
  session: Session;
  stack: StackView;
  hosts: HostView[];
  wanted: Wanted;
  problem?: ProblemBody;
}

/** First step of a migration: destination and options. Read-only, so it is a GET that can be reloaded. */
export function ChoosePage({ session, stack, hosts, wanted, problem }: ChooseProps) {
  const others = hosts.filter(({ id, status }) => id !== stack.host_id && status !== 'pending');
  const takers = others.filter((host) => standsInTheWay(host) === null);
  const chosen = takers.find(({ id }) => id === wanted.target) ?? takers[0];
  return (
    <Page
      title={`Migrate ${stack.name}`}
      session={session}
      place="Stacks"
      trail={[
        ['Stacks', '/ui/stacks'],
        [stack.name, stackHref(stack, true)],
      ]}
      lead={
        <p>
          It runs on <strong>{stack.host_name}</strong>. Choose a destination. Next you see a report; nothing is changed
          before that.
        </p>
      }
      problem={problem}
    >
      {others.length === 0 ? (
        <Empty title="There is no other host">
          <p>Let another host join; then it can be chosen here.</p>
          <LinkButton href="/ui/hosts" label="Add a host" kind="primary" />
        </Empty>
      ) : (
        <form method="get" action={`/ui/stacks/${encodeURIComponent(stack.name)}/migrate/review`} data-slow="Checking…">
          <input type="hidden" name="from" value={stack.host_id} />
          <fieldset class="card">
            <legend>Destination</legend>
            {others.map((host) => (
              <Destination host={host} checked={host === chosen} />
            ))}
          </fieldset>
          <fieldset class="card">
            <legend>How</legend>
            <Choice
              name="mode"
              value="stop-copy"
              checked={wanted.mode !== 'pre-copy'}
              label="Stop, then copy"
              hint="Simplest. The stack is down while its volumes are copied."
            />
            <Choice
              name="mode"
              value="pre-copy"
              checked={wanted.mode === 'pre-copy'}
              label="Copy first, then stop"
              hint="Copies while the stack runs; down only for what changed since. Reads more, and compares contents."
            />
          </fieldset>
          <fieldset class="card">
            <legend>Room on the target</legend>
            <Choice
              name="sizing"
              value="host"
              checked={wanted.sizing !== 'stack'}
              label="As much as the whole source host uses"
              hint="Conservative: for draining a host stack by stack."
            />
            <Choice
              name="sizing"
              value="stack"
              checked={wanted.sizing === 'stack'}
              label="As much as this stack uses"
              hint="Its own containers and volumes."
            />
            {consentNames.map((name) => (
              <label class="choice">
                <input type="checkbox" name={name} checked={wanted[name]} />
                <span>
                  <span class="name">{consents[name].label}</span>
                  <span class="hint">{consents[name].hint}</span>
                </span>
              </label>
            ))}
          </fieldset>
          <p class="acts">
            <button type="submit" class="primary" disabled={chosen === undefined}>
              Check
            </button>
            <LinkButton href={stackHref(stack, true)} label="Back" />
          </p>
        </form>
      )}
    </Page>
  );
}

function Destination({ host, checked }: { host: HostView; checked: boolean }) {
  const why = standsInTheWay(host);
  const { resources } = host;
  return (
    <label class="choice">
      <input type="radio" name="target" value={host.id} checked={checked} disabled={why !== null} required />
      <span>
        <span class="name">
          {host.name} <HostState status={host.status} cordoned={host.cordoned_at !== null} />
        </span>
        <span class="hint">
          {why ??
            (resources
              ? `${bytes(resources.memory.free_bytes)} of memory and ${bytes(resources.disk.free_bytes)} of disk free`
              : 'It has not reported its free room yet.')}
        </span>
      </span>
    </label>
  );
}

function Choice(props: { name: string; value: string; checked: boolean; label: string; hint: string }) {
  const { name, value, checked, label, hint } = props;
  return (
    <label class="choice">
      <input type="radio" name={name} value={value} checked={checked} />
      <span>
        <span class="name">{label}</span>
        <span class="hint">{hint}</span>
      </span>
    </label>
  );
}

function standsInTheWay({ status, cordoned_at }: HostView): string | null {
  if (status !== 'online') return 'It is offline.';
  return cordoned_at === null ? null : 'It is cordoned: no migration may target it.';
}

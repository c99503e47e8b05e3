import { limits } from '../../../schema/limits.ts';
import type { ProblemBody } from '../call.ts';
import { type Candidate, candidatesOf, type Needs } from '../destinations.ts';
import { Advanced, Modes } from '../parts/choices.tsx';
import { Destination } from '../parts/destination.tsx';
import { Field, Hidden, LinkButton } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import { Empty } from '../parts/list.tsx';
import type { Session } from '../session.ts';
import type { HostView, StackView, Wanted } from '../views.ts';
import { wantedFields } from '../wanted.ts';
import { stackHref } from './stacks.tsx';

interface ChooseProps {
  session: Session;
  stack: StackView;
  /** Those that were found; the source may be among them. */
  hosts: HostView[];
  /** What the whole source host uses; null if it has not said so. */
  needs: Needs | null;
  wanted: Wanted;
  /** Part of the name of a host that was looked for. */
  find: string;
  problem?: ProblemBody;
}

/** First step of a migration: destination and options. Read-only, so it is a GET that can be reloaded. */
export function ChoosePage({ session, stack, hosts, needs, wanted, find, problem }: ChooseProps) {
  const place = `/ui/stacks/${encodeURIComponent(stack.name)}/migrate`;
  const candidates = candidatesOf(hosts, stack.host_id, needs);
  const open = candidates.filter(({ obstacle }) => obstacle === null);
  const chosen = open.find(({ host }) => host.id === wanted.target) ?? open[0];
  const rest = candidates.filter((one) => one !== chosen);
  const shown = [...(chosen ? [chosen] : []), ...rest].slice(0, limits.ui.destinationsMax);
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
          It runs on <strong>{stack.host_name}</strong>. Choose a destination. The next page shows a report; nothing is
          changed before you start the migration.
        </p>
      }
      problem={problem}
    >
      {candidates.length > shown.length || find !== '' ? (
        <Find place={place} find={find} wanted={wanted} from={stack.host_id} more={candidates.length > shown.length} />
      ) : null}
      {candidates.length === 0 ? (
        <NoHost find={find} place={`${place}?from=${stack.host_id}`} />
      ) : (
        <form method="get" action={`${place}/review`} data-slow="Checking…">
          <input type="hidden" name="from" value={stack.host_id} />
          <Hidden fields={wantedFields(wanted).filter(([name]) => later.includes(name))} />
          <Destinations shown={shown} chosen={chosen} source={stack.host_name} />
          <Modes wanted={wanted} />
          <Advanced wanted={wanted} needs={needs} source={stack.host_name} />
          <p class="acts">
            <button type="submit" class="primary" disabled={chosen === undefined}>
              Run pre-flight
            </button>
            <LinkButton href={stackHref(stack, true)} label="Back" />
          </p>
        </form>
      )}
    </Page>
  );
}

/** Chosen on the page of the report, and kept where one comes back from there. */
const later = ['env', 'bind', 'exclude', 'cutover_dns'];

function Destinations({
  shown,
  chosen,
  source,
}: {
  shown: Candidate[];
  chosen: Candidate | undefined;
  source: string;
}) {
  return (
    <fieldset class="card">
      <legend>Destination</legend>
      <p class="hint">Hosts with the most room first.</p>
      <div class="destinations">
        {shown.map((candidate) => (
          <Destination candidate={candidate} checked={candidate === chosen} source={source} />
        ))}
      </div>
    </fieldset>
  );
}

/** Where there are more hosts than are shown. */
function Find(props: { place: string; find: string; wanted: Wanted; from: string; more: boolean }) {
  const { place, find, wanted, from, more } = props;
  return (
    <form method="get" action={place} class="filters">
      <Hidden fields={[...wantedFields(wanted), ['from', from]]} />
      <Field id="find" label="Find a host">
        <input type="search" id="find" name="find" value={find} autocomplete="off" />
      </Field>
      <button type="submit">Search</button>
      {more ? <p class="hint">Only the {limits.ui.destinationsMax} with the most room are shown.</p> : null}
    </form>
  );
}

function NoHost({ find, place }: { find: string; place: string }) {
  if (find !== '')
    return (
      <Empty title="No other host has that in its name">
        <LinkButton href={place} label="Show all hosts" />
      </Empty>
    );
  return (
    <Empty title="There is no other host">
      <p>Add another host; then it can be chosen here.</p>
      <LinkButton href="/ui/hosts" label="Add a host" kind="primary" />
    </Empty>
  );
}

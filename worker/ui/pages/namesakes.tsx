import { Page } from '../parts/layout.tsx';
import type { Session } from '../session.ts';
import type { HostView } from '../views.ts';
import { stackHref } from './stacks.tsx';

interface NamesakesProps {
  session: Session;
  name: string;
  ids: string[];
  hosts: HostView[];
}

/** Shown if several hosts run a stack of this name. */
export function NamesakesPage({ session, name, ids, hosts }: NamesakesProps) {
  return (
    <Page title={name} session={session} place="Stacks" trail={[['Stacks', '/ui/stacks']]}>
      <p>Several hosts run different stacks of this name. Which one?</p>
      <ul class="choices">
        {ids.map((host_id) => (
          <li>
            <a href={stackHref({ name, host_id }, true)}>
              {name} on {hosts.find(({ id }) => id === host_id)?.name ?? host_id}
            </a>
          </li>
        ))}
      </ul>
    </Page>
  );
}

import { Page } from '../parts/layout.tsx';
import type { Session } from '../session.ts';
import type { StackView } from '../views.ts';
import { stackHref } from './stacks.tsx';

interface NamesakesProps {
  session: Session;
  name: string;
  stacks: StackView[];
  /** There are no others. */
  isWhole: boolean;
}

/** Shown if several hosts run a stack of this name. */
export function NamesakesPage({ session, name, stacks, isWhole }: NamesakesProps) {
  return (
    <Page title={name} session={session} place="Stacks" trail={[['Stacks', '/ui/stacks']]}>
      <p>Several hosts run different stacks of this name. Which one?</p>
      <ul class="choices">
        {stacks.map((stack) => (
          <li>
            <a href={stackHref(stack, true)}>
              {name} on {stack.host_name}
            </a>
          </li>
        ))}
      </ul>
      {isWhole ? null : (
        <p>
          <a href={`/ui/stacks?search=${encodeURIComponent(name)}`}>Search among all stacks</a>
        </p>
      )}
    </Page>
  );
}

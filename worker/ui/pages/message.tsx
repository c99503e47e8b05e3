import type { ProblemBody } from '../call.ts';
import { LinkButton } from '../parts/form.tsx';
import { Page } from '../parts/layout.tsx';
import type { Session } from '../session.ts';

interface MessageProps {
  title: string;
  text?: string;
  session?: Session | null;
  problem?: ProblemBody;
}

/** What to do next, by the code of the problem: words, and a link. An empty address is that of the page itself. */
const steps: { [code: string]: [words: string, label: string, href: string] } = {
  not_found: ['It may have been deleted, or the address is incomplete.', 'To the stacks', '/ui'],
  rate_limited: ['Wait a moment, then try again; nothing is lost.', 'Try again', ''],
  control_unavailable: ['Its database does not answer. Running migrations continue.', 'Try again', ''],
  internal: ['Running migrations are not affected.', 'Try again', ''],
};

/** A message without a page of its own, with the next step. */
export function MessagePage({ title, text, session = null, problem }: MessageProps) {
  const [words, label, href] = steps[problem?.code ?? 'not_found'] ?? [undefined, 'To the stacks', '/ui'];
  return (
    <Page title={title} session={session} problem={problem}>
      {text ? <p>{text}</p> : null}
      {words ? <p>{words}</p> : null}
      <p class="acts">
        <LinkButton href={href} label={label} kind="primary" />
        {href === '/ui' ? null : <LinkButton href="/ui" label="To the stacks" />}
      </p>
    </Page>
  );
}

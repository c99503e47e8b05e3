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

/** A message without a page of its own. */
export function MessagePage({ title, text, session = null, problem }: MessageProps) {
  return (
    <Page title={title} session={session} problem={problem}>
      {text ? <p>{text}</p> : null}
      <p>
        <LinkButton href="/ui" label="To the stacks" />
      </p>
    </Page>
  );
}

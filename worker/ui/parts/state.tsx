import type { MigrationView } from '../../../schema/api/migrations.ts';
import type { DrainStackStatus, DrainStatus } from '../../../schema/drain.ts';
import { isTerminal, type Status } from '../../../schema/migration-status.ts';
import { inWords } from '../words.ts';

/** A state is shown by colour, shape and word together. */
export type Tone = 'ok' | 'busy' | 'warn' | 'bad' | 'attention' | 'idle';

export function State({ tone, word }: { tone: Tone; word: string }) {
  return <span class={`state ${tone}`}>{word}</span>;
}

export function MigrationState({
  of: { status, cancel_requested },
}: {
  of: Pick<MigrationView, 'status' | 'cancel_requested'>;
}) {
  const word = status === 'reverting' && cancel_requested ? 'cancelling' : inWords(status);
  return <State tone={toneOf(status)} word={word} />;
}

export function toneOf(status: Status): Tone {
  if (status === 'completed') return 'ok';
  if (status === 'needs_attention') return 'attention';
  if (status === 'failed') return 'bad';
  if (status === 'reverting' || status === 'rolling_back') return 'warn';
  return isTerminal(status) ? 'idle' : 'busy';
}

const hostTones = { online: 'ok', offline: 'bad', pending: 'idle' } as const;
export function HostState({ status, cordoned = false }: { status: keyof typeof hostTones; cordoned?: boolean }) {
  const word = status === 'pending' ? 'has not joined' : status;
  return (
    <>
      <State tone={hostTones[status]} word={word} />
      {cordoned ? <State tone="warn" word="cordoned" /> : null}
    </>
  );
}

const drainTones: { [S in DrainStatus]: Tone } = {
  running: 'busy',
  paused: 'warn',
  aborting: 'warn',
  completed: 'ok',
  failed: 'bad',
  aborted: 'idle',
};
export const DrainState = ({ status }: { status: DrainStatus }) => <State tone={drainTones[status]} word={status} />;

const drainStackTones: { [S in DrainStackStatus]: Tone } = {
  waiting: 'idle',
  starting: 'busy',
  moving: 'busy',
  moved: 'ok',
  stayed: 'bad',
  gone: 'idle',
};
export const DrainStackState = ({ status }: { status: DrainStackStatus }) => (
  <State tone={drainStackTones[status]} word={status} />
);

export function WebhookState({ webhook: { status } }: { webhook: { status: 'enabled' | 'disabled' } }) {
  return <State tone={status === 'enabled' ? 'ok' : 'idle'} word={status} />;
}

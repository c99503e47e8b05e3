import type { PropsWithChildren } from 'hono/jsx';
import type { MigrationView } from '../../../schema/api/migrations.ts';
import { keptCopy } from '../../../schema/migration-places.ts';
import { isTerminal } from '../../../schema/migration-status.ts';
import { hours } from '../../../schema/units.ts';
import { inWords } from '../words.ts';
import { Facts } from './list.tsx';
import { Ago, HoursLeft, Moment } from './time.tsx';

interface Sides {
  migration: MigrationView;
  source: string;
  target: string;
}

/** What went wrong, if it is not what was asked for: a cancellation is no failure. */
function failedIn({ failure, rollback, cancel_requested }: MigrationView) {
  if (failure) return cancel_requested ? null : failure;
  return rollback?.failure ?? null;
}

export const isTroubled = (migration: MigrationView): boolean =>
  migration.attention !== null || failedIn(migration) !== null;

/** What went wrong, where the stack is, and what can be done: the acts are its children. */
export function TroubleCard({ migration, source, target, children }: PropsWithChildren<Sides>) {
  if (!isTroubled(migration)) return null;
  return (
    <div class="alert bad" role={migration.attention ? 'alert' : undefined}>
      <Attention migration={migration} source={source} target={target} />
      <Failed migration={migration} />
      {children}
    </div>
  );
}

/** Where the copies are, and what the operator has to do. */
function Attention({ migration: { attention }, source, target }: Sides) {
  if (!attention) return null;
  return (
    <>
      <p>
        <strong>{attention.why}</strong>
      </p>
      <Facts
        rows={[
          [`Source, ${source}`, attention.source],
          [`Target, ${target}`, attention.target],
          ['To do', attention.todo],
        ]}
      />
    </>
  );
}

/** What the container said comes before what the agent did. */
function Failed({ migration }: { migration: MigrationView }) {
  const failed = failedIn(migration);
  if (!failed) return null;
  const { failure, home, stack, status } = migration;
  const { container_log: said } = failed;
  // Where the stack runs then is up to a person.
  const isGivenUp = failure?.code === 'given_up';
  return (
    <>
      <p>
        <strong>
          {isGivenUp ? '' : failure ? `Failed in ${inWords(failure.step)}: ` : 'The rollback failed: '}
          {failed.message}
        </strong>{' '}
        <code class="muted">{failed.code}</code>
      </p>
      {home && isTerminal(status) && !isGivenUp ? (
        <p>
          {stack.name} is now on <strong>{home.name}</strong>:{' '}
          <a href={`/ui/stacks/${encodeURIComponent(stack.name)}?from=${home.id}`}>see how it is</a>.
        </p>
      ) : null}
      {said ? (
        <>
          <p>The last lines of {said.service}:</p>
          <pre>{said.lines.length > 0 ? said.lines.join('\n') : 'It wrote nothing.'}</pre>
        </>
      ) : null}
      {failed.log_tail.length > 0 ? (
        <details>
          <summary>Last lines of the agent's log</summary>
          <pre>{failed.log_tail.join('\n')}</pre>
        </details>
      ) : null}
    </>
  );
}

export function OwedCard({ migration, nameOf }: { migration: MigrationView; nameOf: (id: string) => string }) {
  if (migration.owed.length === 0) return null;
  return (
    <div class="alert warn">
      <ul>
        {migration.owed.map(({ host_id, what }) => (
          <li>
            <strong>{nameOf(host_id)}</strong> has yet to {what}.
          </li>
        ))}
      </ul>
    </div>
  );
}

/** The copy kept after the end, for how long, and its deletion. */
export function WindowCard({ migration, source, target }: Sides) {
  const { window, rollback, status } = migration;
  if (!window) return null;
  const side = keptCopy(migration);
  const back = status === 'rolled_back';
  const purge = back ? window.target_purge : window.source_purge;
  return (
    <section class="card" aria-labelledby="window-title">
      <div class="card-head">
        <h2 id="window-title">Safety window</h2>
      </div>
      {window.copy_running ? <p class="alert bad">Somebody started the kept copy: two copies run.</p> : null}
      <Facts
        rows={[
          [
            back ? `Copy on ${target}` : `Copy on ${source}`,
            purge?.host_deleted ? (
              'left on its host, which was deleted from the fleet'
            ) : purge?.done_at ? (
              <>
                deleted <Ago at={purge.done_at} />
              </>
            ) : side ? (
              'kept, stopped'
            ) : status === 'completed' ? (
              'the stack itself, which has come back'
            ) : (
              'kept'
            ),
          ],
          status === 'completed' && window.open
            ? [
                'Can be rolled back for',
                <>
                  <strong class="countdown">
                    <HoursLeft until={window.ends_at} />
                  </strong>
                  , until <Moment at={window.ends_at} />
                </>,
              ]
            : null,
          status === 'completed' && !window.open ? ['Rollback', whyClosed(migration) ?? 'possible in a moment'] : null,
          back && rollback ? ['Changes left behind', `of ${hours(rollback.hours_left_behind)}, on ${target}`] : null,
          ...(purge && !purge.done_at
            ? purge.remaining.map(({ what, why }): [string, string] => [`Remains: ${what}`, why])
            : []),
          ...(purge?.left_out ?? []).map((path): [string, string] => [`Stays: ${path}`, 'with only what was left out']),
        ]}
      />
    </section>
  );
}

/** Returns null while a rollback may begin, or will in a moment. */
export function whyClosed({ window, superseded_by, target_host }: MigrationView): string | null {
  if (superseded_by) return 'The stack has a later migration.';
  if (target_host?.deleted_at) return `${target_host.name} was deleted from the fleet.`;
  if (window?.source_purge?.host_deleted) return 'The source host was deleted from the fleet.';
  if (window?.source_purge) return 'What the source kept has been deleted, or begun to be.';
  if (window && Date.parse(window.ends_at) <= Date.now())
    return 'The safety window has closed. Migrate it back instead.';
  return null;
}

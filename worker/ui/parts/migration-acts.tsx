import type { MigrationView, TrafficView } from '../../../schema/api/migrations.ts';
import { canRepeat, isHomeAgain } from '../../../schema/migration-places.ts';
import { isStep } from '../../../schema/migration-status.ts';
import type { Resolution } from '../../../schema/saga.ts';
import { hours, stillComing } from '../../../schema/units.ts';
import { wantedAgain, wantedFields } from '../wanted.ts';
import { ActButton, Ask, Field, Form, LinkButton, TypeToConfirm, useReason } from './form.tsx';
import { whyClosed } from './trouble.tsx';

interface ActsProps {
  migration: MigrationView;
  source: string;
  target: string;
  /** Null unless its source forwards connections. */
  traffic: TrafficView | null;
}

/** Changes when the possible acts change: open forms are left alone until then. */
export const versionOf = ({ status, window, owed, hold, superseded_by }: MigrationView): string =>
  [
    status,
    hold?.cutting_over,
    hold?.changes.length,
    superseded_by,
    window?.open,
    window?.source_purge?.done_at,
    window?.target_purge?.done_at,
    owed.length > 0,
  ].join(' ');

export function MigrationActs(props: ActsProps) {
  const acts = actsOf(props);
  return acts.length === 0 ? null : <div class="acts">{acts}</div>;
}

function actsOf({ migration, source, target, traffic }: ActsProps) {
  const { id, stack, status, window, owed } = migration;
  const place = `/ui/migrations/${id}`;
  const word = stack.name;
  const waits = status === 'needs_attention' || owed.length > 0;
  const { hold } = migration;
  return [
    status === 'holding' && hold && !hold.cutting_over && hold.changes.length === 0 ? (
      <ActButton action={`${place}/cutover`} label="Cut over now" scope="migrate" kind="primary">
        <span class="unseen">
          The stack stops on {source} and starts on {target}.
        </span>
      </ActButton>
    ) : null,
    isStep(status) ? (
      <Ask action={`${place}/cancel`} label="Cancel migration" scope="migrate">
        <p>
          {stack.name} stays on <strong>{source}</strong>, or is started there again; what was made on {target} is
          removed.
        </p>
      </Ask>
    ) : null,
    isStep(status) ? <Bandwidth migration={migration} /> : null,
    waits ? <ActButton action={`${place}/retry`} label="Retry now" scope="migrate" kind="primary" /> : null,
    ...(migration.attention?.resolutions ?? []).map(({ resolution, consequence }) => (
      <TypeToConfirm action={`${place}/resolve`} label={resolutionLabels[resolution]} scope="migrate" word={word}>
        <input type="hidden" name="resolution" value={resolution} />
        <p>{consequence}</p>
      </TypeToConfirm>
    )),
    (offersRollback(migration) || (status === 'needs_attention' && window?.open)) && window ? (
      <RollBack {...{ migration, source, target }} />
    ) : null,
    status === 'completed' && window && !window.source_purge?.done_at && !isHomeAgain(migration) ? (
      <TypeToConfirm action={`${place}/delete-source`} label="Delete source" scope="migrate" word={word}>
        <p>
          Deletes the copy that <strong>{source}</strong> keeps, for good: containers, volumes, files. After that the
          migration cannot be rolled back.
          {migration.left_out.length > 0 ? ' What the migration left out stays there.' : null}
          {traffic ? ` ${stillComing(traffic)}` : null}
        </p>
      </TypeToConfirm>
    ) : null,
    status === 'rolled_back' && !window?.target_purge?.done_at ? (
      <TypeToConfirm action={`${place}/delete-target`} label="Delete target" scope="migrate" word={word}>
        <p>
          Deletes what was left on <strong>{target}</strong>, for good: the changes that the stack made there.
        </p>
      </TypeToConfirm>
    ) : null,
    (status === 'failed' || status === 'cancelled') && canRepeat(migration) ? (
      <LinkButton
        href={`/ui/stacks/${encodeURIComponent(word)}/migrate?${againQuery(migration)}`}
        label="Try again"
        kind="primary"
      />
    ) : null,
  ].filter((act) => act !== null);
}

/** A migration that is history offers none. */
const offersRollback = ({ status, superseded_by, target_host }: MigrationView): boolean =>
  status === 'completed' && superseded_by === null && !target_host?.deleted_at;

const againQuery = (migration: MigrationView) =>
  new URLSearchParams([...wantedFields(wantedAgain(migration)), ['from', migration.source_host_id]]);

const resolutionLabels: { [R in Resolution]: string } = {
  source_lost: 'Source is lost for good',
  target_lost: 'Target is lost for good',
  give_up: 'Give up',
};

function Bandwidth({ migration: { id, bandwidth_limit } }: { migration: MigrationView }) {
  const why = useReason('migrate');
  if (why) return null;
  return (
    <details>
      <summary class="button plain">Bandwidth…</summary>
      <Form action={`/ui/migrations/${id}/bandwidth`} class="filters below-button">
        <Field id="bandwidth_limit" label="Bytes per second">
          <input
            id="bandwidth_limit"
            name="bandwidth_limit"
            maxlength={20}
            autocomplete="off"
            value={bandwidth_limit ?? ''}
          />
        </Field>
        <button type="submit">Set</button>
        <p class="hint">500K, 20M; no limit if empty</p>
      </Form>
    </details>
  );
}

function RollBack({ migration, source, target }: Omit<ActsProps, 'traffic'>) {
  const { id, stack, window } = migration;
  const since = window ? (Date.now() - Date.parse(window.completed_at)) / 3_600_000 : 0;
  return (
    <TypeToConfirm
      action={`/ui/migrations/${id}/rollback`}
      label="Roll back"
      kind="plain"
      scope="migrate"
      word={stack.name}
      why={whyClosed(migration)}
    >
      <p>
        {stack.name} goes back to <strong>{source}</strong>, as it was when it left. Changes of {hours(since)} stay
        behind on {target}, until you delete them there.
      </p>
    </TypeToConfirm>
  );
}

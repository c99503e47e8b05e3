import { newId } from '../../../schema/ids.ts';
import { moveOptionsOf } from '../../../schema/move-options.ts';
import { advance } from '../../../worker/saga/migration/advance.ts';
import type { SagaEvent } from '../../../worker/saga/migration/events.ts';
import type { MigrationRow, MigrationStore } from '../../../worker/saga/migration/ports.ts';
import { newSaga, type StartInput } from '../../../worker/saga/migration/start.ts';
import { failure, goodAnswers, plan } from '../../saga/story.ts';

export const endings = ['completed', 'failed', 'cancelled', 'rolled_back'] as const;
export type Ending = (typeof endings)[number];

/** A migration that was asked for, before its pre-flight. Returns its id. */
export async function begun(store: MigrationStore, more: Partial<StartInput> = {}): Promise<string> {
  const now = Date.now();
  const id = newId('mig', now);
  const input: StartInput = {
    stack_id: newId('stack', now),
    stack_name: 'shop',
    source_host_id: 'host_a',
    target_host_id: 'host_b',
    mode: 'stop-copy',
    verify: 'manifest',
    sizing: 'host',
    ...moveOptionsOf({}),
    health_timeout_s: 60,
    callback_url: null,
    window_ms: 3_600_000,
    requested_by: 'tok_test',
    ...more,
  };
  const { health_timeout_s: _, window_ms: __, ...row } = input;
  const saga = newSaga(id, input, now);
  await store.insert({
    ...row,
    drain_id: null,
    bandwidth_limit: null,
    id,
    status: saga.status,
    saga,
    report: null,
    failure: null,
    created_at: now,
    ended_at: null,
  });
  return id;
}

/** Commits one transition; false where the event changes nothing. */
export async function feed(store: MigrationStore, id: string, event: SagaEvent): Promise<boolean> {
  const row = await loaded(store, id);
  const next = advance(row.saga, event, Date.now());
  if (!next) return false;
  const outcome = await store.commit(row, next, event.type, Date.now(), null);
  if (outcome !== 'committed') throw new Error(`${event.type} of ${id}: ${outcome}`);
  return true;
}

/** Its hosts answer all they are asked, until it has come to its end and owes nothing. */
export async function drive(store: MigrationStore, id: string, ending: Ending): Promise<void> {
  for (;;) {
    const event = nextEvent(await loaded(store, id), ending);
    if (!event) return;
    await feed(store, id, event);
  }
}

function nextEvent({ status, saga }: MigrationRow, ending: Ending): SagaEvent | null {
  if (status === 'preflight') return { type: 'preflight_passed', plan };
  if (status === 'transferring' && ending === 'cancelled') return { type: 'cancel' };
  const [awaited] = saga.awaiting;
  if (!awaited) return status === 'completed' && ending === 'rolled_back' ? { type: 'rollback' } : null;
  const command_id = awaited.id;
  if (awaited.kind === 'verify_health' && ending === 'failed') return { type: 'command_failed', command_id, failure };
  return { type: 'command_done', command_id, data: goodAnswers[awaited.kind] };
}

export async function loaded(store: MigrationStore, id: string): Promise<MigrationRow> {
  const row = await store.load(id);
  if (!row) throw new Error(`there is no ${id}`);
  return row;
}

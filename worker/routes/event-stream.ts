import type { MigrationEventView } from '../../schema/api/migrations.ts';
import { limits } from '../../schema/limits.ts';
import { isTerminal } from '../../schema/migration-status.ts';
import { migrationsOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import type { Later } from '../rpc.ts';
import type { MigrationRow } from '../saga/migration/ports.ts';
import { eventsAfter } from '../store/migration-list.ts';
import { loadMigration } from '../store/migration-store.ts';
import { time } from '../time.ts';
import { eventIdOf } from './event-id.ts';

const eventsAtOnceMax = 100;
const quietMsMax = 15_000;
const undone =
  'The control plane was restored to a time before the last event that you have seen: all events come again.';

/**
 * Streams a migration's events after `lastId`, and its progress in between; `isUndone` puts a `reset` before them. The Durable
 * Object tells when something was committed; only then, and every `sseReviewMs`, D1 is read (C13). The Worker asks it again and
 * again: a stream held by the object would pin it. Ends with the migration or after `sseMsMax`.
 */
export function migrationEventStream(
  env: Env,
  id: string,
  lastId: number,
  isUndone = false,
): ReadableStream<Uint8Array> {
  const frames = followMigration(env, id, lastId, isUndone);
  const encoder = new TextEncoder();
  return new ReadableStream({
    async pull(controller) {
      const { value, done } = await frames.next();
      if (done) controller.close();
      else controller.enqueue(encoder.encode(value));
    },
    async cancel() {
      await frames.return();
    },
  });
}

async function* followMigration(
  env: Env,
  id: string,
  lastId: number,
  isUndone: boolean,
): AsyncGenerator<string, void, void> {
  const endsAt = Date.now() + limits.control.sseMsMax;
  let last = lastId;
  let row: MigrationRow | null = null;
  let readAt = 0;
  let next: Later = { committed: true, progress: null };
  let shownProgress = '';
  let saidAt = Date.now();
  yield `retry: ${limits.control.reconnectDelayMsMin * 4}\n\n`;
  // Its id makes an EventSource forget the undone one, even if no event follows.
  if (isUndone) yield frame('0', 'reset', { message: undone, at: time(Date.now()) });
  while (Date.now() < endsAt) {
    if (row === null || next.committed || Date.now() - readAt >= limits.control.sseReviewMs) {
      readAt = Date.now();
      // The status is read first, so the events include the last one of a migration that has ended.
      row = await loadMigration(env.DB, id);
      const events = await eventsAfter(env.DB, id, last, eventsAtOnceMax);
      for (const event of events) {
        last = event.id;
        saidAt = Date.now();
        yield frame(eventIdOf(event), event.kind, { ...event.data, at: time(event.at) });
      }
      if (events.length === eventsAtOnceMax) continue;
      if (!row || isTerminal(row.status)) return;
    }
    // No longer than for the next look at the progress.
    next = await nextCommit(env, row, limits.control.ssePollMs);
    const progress = JSON.stringify(next.progress);
    if (progress !== 'null' && progress !== shownProgress) {
      saidAt = Date.now();
      yield `event: progress\ndata: ${progress}\n\n`;
    }
    shownProgress = progress;
    if (Date.now() - saidAt > quietMsMax) {
      // Proxies close idle connections.
      yield ': still here\n\n';
      saidAt = Date.now();
    }
  }
}

/** Waits for the next commit of a migration, at most `msMax`; the progress by then. */
export async function nextCommit(
  env: Env,
  { id, stack_id, version }: Pick<MigrationRow, 'id' | 'stack_id' | 'version'>,
  msMax: number,
): Promise<Later> {
  return migrationsOf(env, stack_id)
    .later(id, version, msMax)
    .catch(async () => {
      await new Promise((resolve) => setTimeout(resolve, msMax));
      return { committed: false, progress: null };
    });
}

/** JSON contains no line break, so one `data:` line is enough. */
function frame(id: string, kind: string, data: MigrationEventView): string {
  return `id: ${id}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
}

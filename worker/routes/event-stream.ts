import type { MigrationEventView } from '../../schema/api/migrations.ts';
import { limits } from '../../schema/limits.ts';
import { isTerminal } from '../../schema/migration-status.ts';
import { migrationsOf } from '../durable-objects.ts';
import type { Env } from '../env.ts';
import type { MigrationRow } from '../saga/migration/ports.ts';
import { eventsAfter } from '../store/migration-list.ts';
import { loadMigration } from '../store/migration-store.ts';
import { time } from '../time.ts';

const eventsAtOnceMax = 100;
const quietMsMax = 15_000;

/**
 * Streams a migration's events after `lastId`, and its progress in between. Polls D1 from the Worker, and at once when
 * the Durable Object has committed something: a stream held by that would pin it. Ends with the migration or after `sseMsMax`.
 */
export function migrationEventStream(env: Env, id: string, lastId: number): ReadableStream<Uint8Array> {
  const frames = followMigration(env, id, lastId);
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

async function* followMigration(env: Env, id: string, lastId: number): AsyncGenerator<string, void, void> {
  const endsAt = Date.now() + limits.control.sseMsMax;
  let last = lastId;
  let shownProgress = '';
  let quietSince = Date.now();
  yield `retry: ${limits.control.reconnectDelayMsMin * 4}\n\n`;
  while (Date.now() < endsAt) {
    // The status is read first, so the events include the last one of a migration that has ended.
    const row = await loadMigration(env.DB, id);
    const ended = !row || isTerminal(row.status);
    const events = await eventsAfter(env.DB, id, last, eventsAtOnceMax);
    for (const event of events) {
      last = event.id;
      yield frame(event.id, event.kind, { ...event.data, at: time(event.at) });
    }
    if (events.length === eventsAtOnceMax) continue;
    if (ended) return;
    const progress = JSON.stringify(await progressOf(env, row.stack_id, id));
    if (progress !== 'null' && progress !== shownProgress) yield `event: progress\ndata: ${progress}\n\n`;
    const quiet = events.length === 0 && progress === shownProgress;
    shownProgress = progress;
    if (!quiet) quietSince = Date.now();
    else if (Date.now() - quietSince > quietMsMax) {
      // Proxies close idle connections.
      yield ': still here\n\n';
      quietSince = Date.now();
    }
    await nextCommit(env, row, limits.control.ssePollMs);
  }
}

/** Waits for the next commit of a migration, at most `msMax`. */
export async function nextCommit(
  env: Env,
  { id, stack_id, version }: Pick<MigrationRow, 'id' | 'stack_id' | 'version'>,
  msMax: number,
): Promise<void> {
  await migrationsOf(env, stack_id)
    .later(id, version, msMax)
    .catch(() => new Promise((resolve) => setTimeout(resolve, msMax)));
}

async function progressOf(env: Env, stackId: string, id: string) {
  return migrationsOf(env, stackId)
    .progressOf(id)
    .catch(() => null);
}

/** JSON contains no line break, so one `data:` line is enough. */
function frame(id: number, kind: string, data: MigrationEventView): string {
  return `id: ${id}\nevent: ${kind}\ndata: ${JSON.stringify(data)}\n\n`;
}

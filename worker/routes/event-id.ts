import { z } from 'zod';
import { findEvent, newestEventId } from '../store/event-feed.ts';
import { eventsAfter } from '../store/migration-list.ts';

/** The last event that a client has seen of a migration. `at` in epoch milliseconds; null if it told the number alone. */
export interface SeenEvent {
  id: number;
  at: number | null;
}

/** The `id` of an event in the stream of its migration. A restored database gives numbers again, so the time goes along. */
export const eventIdOf = ({ id, at }: { id: number; at: number }): string => `${id}-${at}`;

export const lastEventId = z
  .string()
  .regex(/^\d{1,15}(-\d{1,15})?$/, 'the id of an event of this stream')
  .transform((text): SeenEvent => {
    const [id = '', at] = text.split('-');
    return { id: Number(id), at: at === undefined ? null : Number(at) };
  });

/**
 * False if a restore of the database has undone that event: what follows its number then is not what the client lacks. Retention
 * deletes the events of a migration all at once, so one that is missing among others was undone.
 */
export async function isStillTrue(db: D1Database, migrationId: string, { id, at }: SeenEvent): Promise<boolean> {
  if (id === 0) return true;
  const event = await findEvent(db, id);
  if (event) return event.subject_id === migrationId && (at === null || event.at === at);
  const [kept] = await eventsAfter(db, migrationId, 0, 1);
  return kept === undefined && id <= (await newestEventId(db));
}

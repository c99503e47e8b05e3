import { type Status, statuses } from '../../../schema/migration-status.ts';
import type { Saga } from '../../../schema/saga.ts';

/**
 * Written into the newest migration of each stack when a database is restored, before anything reads it, unless that
 * migration was undone. The hosts are then asked first, see `restored.ts`. A deadline in the past has the record
 * examined at once.
 */
export const distrusted = { distrust: true, deadline_at: 0 } satisfies Partial<Saga>;

export const isBelieved = (status: Status): boolean => status === 'failed' || status === 'cancelled';

const believed = statuses.filter(isBelieved).map((status) => `'${status}'`);

/** D1 statement for `stackferry restore`, and for `stackferry deploy --restored` after Cloudflare's Time Travel. */
export const distrustStatement = `UPDATE migration SET saga = json_patch(saga, '${JSON.stringify(distrusted)}') WHERE id IN (SELECT max(id) FROM migration GROUP BY stack_id) AND status NOT IN (${believed.join(', ')})`;

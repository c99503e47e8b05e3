import { limits } from '../../schema/limits.ts';
import type { Env } from '../env.ts';
import { log } from '../log.ts';
import {
  databaseBytes,
  forgetDrains,
  forgetFleetEvents,
  forgetMigrations,
  forgetStacksAndNodes,
  trimMigrations,
} from '../store/retention.ts';

const dayMs = 24 * 3_600_000;
const { daysDefault, daysMax, historyMsMax, databaseBytesMax, databaseWarnPart } = limits.retention;

/**
 * Deletes what is older than its time; see docs/operations.md. Returns how many migrations, events of the fleet, drains, stacks and
 * nodes. Throws the first fault once all kinds had their turn: what can't be deleted of one does not keep the others.
 */
export async function forgetOld({ DB, RETENTION_DAYS }: Env, now: number): Promise<number> {
  const keepMs = retentionMsOf(RETENTION_DAYS);
  if (keepMs === null) return 0;
  const before = now - keepMs;
  const historyBefore = now - Math.min(historyMsMax, keepMs);
  const kinds = [
    () => trimMigrations(DB, historyBefore),
    () => forgetFleetEvents(DB, historyBefore),
    () => forgetMigrations(DB, before),
    () => forgetDrains(DB, before),
    () => forgetStacksAndNodes(DB, before, now),
  ];
  let many = 0;
  const faults: unknown[] = [];
  for (const forget of kinds)
    await forget().then(
      (number) => {
        many += number;
      },
      (error) => faults.push(error),
    );
  if (faults.length > 0) throw faults[0];
  return many;
}

/** Warns before the database is full. Returns 1 if it did. */
export async function watchSize({ DB }: Env): Promise<number> {
  const bytes = await databaseBytes(DB);
  if (bytes < databaseBytesMax * databaseWarnPart) return 0;
  const advice =
    'Lower RETENTION_DAYS, and purge copies that are kept; see "Retention and size" in docs/operations.md.';
  log.warn('the database is nearly full', { bytes, bytes_max: databaseBytesMax, advice });
  return 1;
}

/** Parses RETENTION_DAYS; null to keep everything. Throws if it is not a valid number of days. */
export function retentionMsOf(days: string | undefined): number | null {
  const value = days === undefined || days === '' ? daysDefault : Number(days);
  if (value === 0) return null;
  if (Number.isFinite(value) && value >= 1 && value <= daysMax) return Math.round(value * dayMs);
  throw new Error(`RETENTION_DAYS is "${days}"; it must be a number of days from 1 to ${daysMax}, or 0 to keep all`);
}

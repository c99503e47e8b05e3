import { limits } from '../../../schema/limits.ts';
import type { MigrationRow } from './ports.ts';

/**
 * True if a host's answer fits into the migration's row. D1 refuses a row of more than 2 MB, and a transition that
 * cannot be written would block even the undo.
 */
export function hasRoomFor({ saga, report }: Pick<MigrationRow, 'saga' | 'report'>, answer: unknown): boolean {
  const added = bytesOf(answer);
  return (
    added <= limits.control.answerBytesAlways || bytesOf([saga, report]) + added <= limits.control.migrationBytesMax
  );
}

const bytesOf = (value: unknown): number => new TextEncoder().encode(JSON.stringify(value)).length;

import { type ErrorCode, errorCodeOf, errorCodes } from '../schema/errors.ts';

/** Counts commands as they run and end, for the agent's metrics. */
export interface CommandMeter {
  /** Counts a command of this migration while `work` runs, and its error code if it fails. */
  run<T>(migrationId: string, work: () => Promise<T>): Promise<T>;
  counts(): CommandCounts;
}

export interface CommandCounts {
  /** Migrations with a command that runs. */
  migrations: number;
  running: number;
  done: number;
  /** By error code. */
  failed: Partial<Record<ErrorCode, number>>;
}

export function createCommandMeter(): CommandMeter {
  /** Running commands by migration. */
  const active = new Map<string, number>();
  let done = 0;
  const failed: CommandCounts['failed'] = {};
  const shift = (migrationId: string, by: 1 | -1) => {
    const left = (active.get(migrationId) ?? 0) + by;
    if (left === 0) active.delete(migrationId);
    else active.set(migrationId, left);
  };
  return {
    run: async (migrationId, work) => {
      shift(migrationId, 1);
      try {
        const result = await work();
        done += 1;
        return result;
      } catch (error) {
        const code = errorCodeOf(error, 'command_failed');
        failed[code] = (failed[code] ?? 0) + 1;
        throw error;
      } finally {
        shift(migrationId, -1);
      }
    },
    counts: () => ({
      migrations: active.size,
      running: [...active.values()].reduce((sum, count) => sum + count, 0),
      done,
      failed: Object.fromEntries(errorCodes.flatMap((code) => (failed[code] ? [[code, failed[code]]] : []))),
    }),
  };
}

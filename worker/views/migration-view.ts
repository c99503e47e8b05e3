import type { z } from 'zod';
import type { CommandKind } from '../../schema/agent-protocol.ts';
import type { MigrationView, ProgressView, stepView } from '../../schema/api.ts';
import { isTerminal, type Step, steps } from '../../schema/migration-status.ts';
import type { Saga } from '../../schema/saga.ts';
import { hostOf } from '../migration/command-payloads.ts';
import type { MigrationRow } from '../store/migration-store.ts';
import { time, timeOrNull } from './time.ts';

export function viewMigration(row: MigrationRow, progress: ProgressView | null): MigrationView {
  const { saga } = row;
  return {
    id: row.id,
    stack: { id: row.stack_id, name: row.stack_name },
    source_host_id: row.source_host_id,
    target_host_id: row.target_host_id,
    mode: row.mode,
    sizing: row.sizing,
    status: row.status,
    steps: steps.map((step) => viewStep(saga, step)),
    progress,
    report: row.report,
    failure: row.failure,
    owed: viewOwed(saga),
    created_at: time(row.created_at),
    updated_at: time(row.updated_at),
    ended_at: timeOrNull(row.ended_at),
  };
}

function viewStep(saga: Saga, name: Step): z.infer<typeof stepView> {
  const clock = saga.steps[name];
  const status = !clock
    ? 'pending'
    : saga.failure?.step === name
      ? 'failed'
      : clock.ended_at === null
        ? 'running'
        : 'done';
  return { name, status, started_at: timeOrNull(clock?.started_at), ended_at: timeOrNull(clock?.ended_at) };
}

/** While it is on its way nothing is owed: it simply is not done. */
function viewOwed(saga: Saga): MigrationView['owed'] {
  if (!isTerminal(saga.status) && saga.status !== 'needs_attention') return [];
  const kinds = [...saga.awaiting.map(({ kind }) => kind), ...saga.retry];
  return [...new Set(kinds)].map((kind) => ({ host_id: hostOf(saga, kind), what: owedWords[kind] ?? kind }));
}

const owedWords: { [K in CommandKind]?: string } = {
  stop_target: 'say that the stack is stopped there',
  restore_source: 'start the stack again as it was',
  cleanup_target: 'remove what the migration made there',
  arm_target: 'set the restart policies as the file says',
  retain_source: 'keep the old copy stopped',
};

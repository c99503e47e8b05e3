import { isTerminal } from '../../schema/migration-status.ts';
import { moveOptionsOf } from '../../schema/move-options.ts';
import type { Hosts, MigrationRow } from '../../worker/saga/migration/ports.ts';
import { owesArming } from '../../worker/saga/migration/safety-window.ts';
import { askAndJudge, askOver } from '../../worker/saga/preflight/ask-and-judge.ts';
import type { Preflight } from '../../worker/saga/preflight/preflight-facts.ts';

/** Production's questions and judgement; what `worker/objects/stack-migration/preflight.ts` reads in the database is here. */
export const preflightOver =
  (hosts: Pick<Hosts, 'request'>, rows: () => MigrationRow[]) =>
  (row: MigrationRow): Promise<Preflight> => {
    const { source_host_id, target_host_id, stack_id, stack_name, sizing, mode, saga } = row;
    const running = rows().find(
      ({ id, stack_id: of, status, saga }) =>
        of === stack_id && id !== row.id && (!isTerminal(status) || owesArming(saga)),
    );
    return askAndJudge(
      askOver((host, kind, payload, msMax) => hosts.request(host, kind, payload, msMax)),
      stack_name,
      row.id,
      {
        inputs: { stack_id, source_host_id, target_host_id, sizing, mode, ...moveOptionsOf(saga) },
        relays: [{ id: 'r', host: 'relay', port: 1 }],
        names: { source: source_host_id, target: target_host_id },
        running_migration: running?.id ?? null,
        cordoned: false,
        kept: null,
        reserved: { memory_bytes: 0, disk_bytes: 0 },
        ...{ measured_rate: null, measured_stop_start_s: null, bandwidth_limit: null },
      },
    );
  };

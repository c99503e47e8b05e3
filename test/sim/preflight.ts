import type { RequestAnswer, RequestKind, RequestPayload } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';
import { isTerminal } from '../../schema/migration-status.ts';
import { judge } from '../../worker/migration/judge.ts';
import { sagaPlanOf } from '../../worker/migration/plan.ts';
import type { Hosts, MigrationRow } from '../../worker/migration/ports.ts';
import type { Answered, Preflight } from '../../worker/migration/preflight-facts.ts';
import { owesArming } from '../../worker/migration/safety-window.ts';

const relays = [{ id: 'r', host: 'relay', port: 1 }];

/** `worker/migration/preflight.ts` without its database: the same questions, and production's judgement of the answers. */
export const preflightOver =
  (hosts: Pick<Hosts, 'request'>, rows: () => MigrationRow[]) =>
  async (row: MigrationRow): Promise<Preflight> => {
    const { source_host_id, target_host_id, stack_id, stack_name, sizing, mode, accept_unmoved } = row;
    const ask = async <K extends RequestKind>(
      host: string,
      kind: K,
      payload: RequestPayload<K>,
    ): Promise<Answered<RequestAnswer<K>>> => {
      const asked_at = Date.now();
      const outcome = await hosts.request(host, kind, payload, limits.control.requestMsMax);
      if (!outcome.ok) return { ok: false, why: outcome.error.message };
      return { ok: true, data: outcome.data as RequestAnswer<K>, asked_at, answered_at: Date.now() };
    };
    const [source, target, stack] = await Promise.all([
      ask(source_host_id, 'probe', { relays }),
      ask(target_host_id, 'probe', { relays }),
      ask(source_host_id, 'inspect_stack', { project: stack_name }),
    ]);
    const fit =
      stack.ok && target.ok
        ? await ask(target_host_id, 'check_target', { stack: stack.data, migration_id: row.id })
        : ({ ok: false, why: 'no answer' } as const);
    const report = judge({
      inputs: { stack_id, source_host_id, target_host_id, sizing, mode, accept_unmoved },
      now: Date.now(),
      source,
      target,
      stack,
      fit,
      relays,
      names: { source: source_host_id, target: target_host_id },
      running_migration:
        rows().find(
          ({ id, stack_id: of, status, saga }) =>
            of === stack_id && id !== row.id && (!isTerminal(status) || owesArming(saga)),
        )?.id ?? null,
      cordoned: false,
      kept: null,
      reserved: { memory_bytes: 0, disk_bytes: 0 },
      measured_rate: null,
    });
    const plan =
      report.passed && stack.ok && fit.ok && source.ok && target.ok
        ? sagaPlanOf(stack.data, fit.data, { source: source.data, target: target.data })
        : null;
    return { report, project: stack_name, plan, spare: null };
  };

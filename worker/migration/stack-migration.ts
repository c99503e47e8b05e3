import { DurableObject } from 'cloudflare:workers';
import { commandKinds, type ItemProgress, type Outcome } from '../../schema/agent-protocol.ts';
import type { ProgressView } from '../../schema/api.ts';
import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import { isTerminal } from '../../schema/migration-status.ts';
import type { Report } from '../../schema/preflight-report.ts';
import type { Env } from '../env.ts';
import {
  activeMigrationOf,
  commitTransition,
  insertMigration,
  loadMigration,
  type MigrationRow,
  waitingMigrationsOf,
} from '../store/migration-store.ts';
import { advance, type SagaEvent } from './advance.ts';
import { Contacts } from './contacts.ts';
import { runPreflight } from './preflight.ts';
import { newProgress, type ProgressMemory, recordProgress, viewProgress } from './progress.ts';
import { newSaga, type StartInput, type StartOutcome } from './start.ts';

/**
 * One per stack: serializes its migrations. Thin on purpose: load, advance, commit, send, arm the alarm. Nothing the
 * next wake needs lives in memory; waking takes the same path as running.
 */
export class StackMigration extends DurableObject<Env> {
  #turn: Promise<unknown> = Promise.resolve();
  #preflights = new Map<string, Promise<Report | null>>();
  /** By migration and reporting host; emptied with each step. */
  #progress = new Map<string, ProgressMemory>();
  #contacts = new Contacts(this.env, this.ctx.storage);

  async start(input: StartInput): Promise<StartOutcome> {
    const now = Date.now();
    const id = newId('mig', now);
    const saga = newSaga(id, input, now, limits.step.preflightMsMax);
    // Armed before the row exists: whatever dies after the insert, something wakes up to go on (F1).
    await this.ctx.storage.put('stack_id', input.stack_id);
    await this.#wakeAt(now + limits.control.commandCheckMs);
    const { health_timeout_s: _, accept_unmoved, ...row } = input;
    const outcome = await insertMigration(this.env.DB, {
      ...row,
      id,
      status: saga.status,
      saga,
      accept_unmoved,
      report: null,
      failure: null,
      created_at: now,
      ended_at: null,
    });
    if (outcome === 'busy') {
      const active = await activeMigrationOf(this.env.DB, input.stack_id);
      return { kind: 'busy', id: active?.id ?? '' };
    }
    const report = await within(limits.control.preflightWaitMsMax, this.#preflight(id));
    return report && !report.passed ? { kind: 'refused', id, report } : { kind: 'started', id };
  }

  async cancel(id: string): Promise<'accepted' | 'ended' | 'unknown'> {
    const row = await loadMigration(this.env.DB, id);
    if (!row) return 'unknown';
    if (isTerminal(row.status)) return 'ended';
    const after = await this.#apply(id, { type: 'cancel' });
    return after?.saga.cancel_requested || !after || !isTerminal(after.status) ? 'accepted' : 'ended';
  }

  /** An agent's answer. Resolves once it is committed, so the agent may forget it. */
  async report(id: string, _host: string, commandId: string, outcome: Outcome): Promise<void> {
    const row = await loadMigration(this.env.DB, id);
    const awaited = row?.saga.awaiting.find((command) => command.id === commandId);
    if (!awaited) return;
    await this.#apply(id, eventOf(commandId, awaited.kind, outcome));
  }

  async progress(id: string, host: string, _commandId: string, items: ItemProgress[]): Promise<void> {
    await this.#contacts.heard(host);
    const memory = this.#progress.get(`${id} ${host}`) ?? newProgress();
    this.#progress.set(`${id} ${host}`, memory);
    if (items.length > 0) recordProgress(memory, items, Date.now());
  }

  async progressOf(id: string): Promise<ProgressView | null> {
    const row = await loadMigration(this.env.DB, id);
    return row ? viewProgress(this.#progress.get(`${id} ${row.target_host_id}`) ?? newProgress(), row.saga) : null;
  }

  /** Granted only to the target of a migration on its way out, in turn with transitions, so never after a revert began. */
  lease(id: string, host: string, epoch: number): Promise<{ granted: boolean; lease_ms: number }> {
    return this.#inTurn(async () => {
      const row = await loadMigration(this.env.DB, id);
      const granted =
        row !== null &&
        ['deploying', 'verifying', 'completed'].includes(row.status) &&
        row.target_host_id === host &&
        row.saga.epoch === epoch;
      return { granted, lease_ms: limits.lease.leaseMs };
    });
  }

  /** The repair sweep's and the alarm's one way in. */
  async wake(): Promise<void> {
    await this.alarm();
  }

  override async alarm(): Promise<void> {
    const stackId = await this.ctx.storage.get<string>('stack_id');
    // The platform gives an alarm up after six failures, so the next one is armed before anything can fail (F4).
    await this.#wakeAt(Date.now() + limits.control.commandCheckMs);
    if (!stackId) return;
    const waiting = await waitingMigrationsOf(this.env.DB, stackId);
    for (const row of waiting) await this.#check(row);
    await this.#rearm(stackId);
  }

  async #check(row: MigrationRow): Promise<void> {
    if (row.status === 'preflight') void this.#preflight(row.id).catch(() => null);
    await this.#apply(row.id, { type: 'overdue' });
    if (isTerminal(row.status)) return;
    for (const host of await this.#contacts.lost(row.saga)) await this.#apply(row.id, { type: 'agent_lost', host });
  }

  /** At most one at a time for a migration; a wake after an eviction runs it anew. */
  #preflight(id: string): Promise<Report | null> {
    const running = this.#preflights.get(id) ?? this.#runPreflight(id).finally(() => this.#preflights.delete(id));
    this.#preflights.set(id, running);
    return running;
  }

  async #runPreflight(id: string): Promise<Report | null> {
    const row = await loadMigration(this.env.DB, id);
    if (!row) return null;
    const { stack_id, source_host_id, target_host_id, sizing, mode, accept_unmoved } = row;
    const inputs = { stack_id, source_host_id, target_host_id, sizing, mode, accept_unmoved };
    const { report, plan } = await runPreflight(this.env, inputs, row.stack_name, id);
    await this.#apply(id, plan ? { type: 'preflight_passed', plan } : refusal(report), report);
    return report;
  }

  /** Load, advance, commit; then send and arm. Another writer's win is met by loading again. */
  #apply(id: string, event: SagaEvent, report: Report | null = null): Promise<MigrationRow | null> {
    return this.#inTurn(async () => {
      for (let attempt = 0; attempt < limits.control.commitTriesMax; attempt++) {
        const row = await loadMigration(this.env.DB, id);
        const now = Date.now();
        const next = row && advance(row.saga, event, now);
        if (!row || !next) return row;
        if ((await commitTransition(this.env.DB, row, next, event.type, now, report)) === 'stale') continue;
        if (next.saga.status !== row.status) this.#progress.clear();
        this.ctx.waitUntil(this.#contacts.deliver(row.id, next.commands));
        await this.#rearm(row.stack_id);
        return { ...row, status: next.saga.status, saga: next.saga };
      }
      throw new Error(`migration ${id}: other writers kept winning`);
    });
  }

  async #rearm(stackId: string): Promise<void> {
    const waiting = await waitingMigrationsOf(this.env.DB, stackId);
    const check = Date.now() + limits.control.commandCheckMs;
    const due = waiting.map(({ status, saga }) => {
      const deadline = saga.deadline_at ?? Number.POSITIVE_INFINITY;
      return isTerminal(status) ? deadline : Math.min(deadline, check);
    });
    if (due.length === 0) await this.ctx.storage.deleteAlarm();
    else await this.#wakeAt(Math.max(Math.min(...due), Date.now() + 1));
  }

  async #wakeAt(at: number): Promise<void> {
    await this.ctx.storage.setAlarm(at);
  }

  /** Transitions of a stack happen one after another. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => null);
    return result;
  }
}

function eventOf(command_id: string, kind: keyof typeof commandKinds, outcome: Outcome): SagaEvent {
  if (!outcome.ok) return { type: 'command_failed', command_id, failure: outcome.error };
  const result = commandKinds[kind].result.safeParse(outcome.data);
  if (result.success) return { type: 'command_done', command_id, data: result.data };
  const message = `The answer to ${kind} can't be read; are agent and control plane of one version?`;
  return { type: 'command_failed', command_id, failure: { code: 'command_failed', message, log_tail: [] } };
}

function refusal(report: Report): SagaEvent {
  const failed = report.checks.filter(({ status }) => status === 'fail').map(({ name }) => name);
  const message = `The pre-flight found that it can't be done: ${failed.join(', ')}.`;
  return { type: 'preflight_refused', failure: { code: 'preflight_failed', message, log_tail: [] } };
}

async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  return Promise.race([promise, late]).finally(() => timer && clearTimeout(timer));
}

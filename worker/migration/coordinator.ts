import { type AskReply, commandKinds, type ItemProgress, type Outcome } from '../../schema/agent-protocol.ts';
import type { ProgressView } from '../../schema/api.ts';
import { newId } from '../../schema/ids.ts';
import { limits } from '../../schema/limits.ts';
import { isTerminal, type Status } from '../../schema/migration-status.ts';
import type { Report } from '../../schema/preflight-report.ts';
import type { Resolution } from '../../schema/saga.ts';
import { advance, type SagaEvent } from './advance.ts';
import { Contacts } from './contacts.ts';
import { GrantedLeases } from './granted-leases.ts';
import { grantsLease } from './lease-grant.ts';
import type { CommitOutcome, CoordinatorPorts, MigrationRow } from './ports.ts';
import type { Preflight } from './preflight-facts.ts';
import { newProgress, type ProgressMemory, recordProgress, takeMoved, viewProgress } from './progress.ts';
import { resolutionRefusal } from './resolutions.ts';
import { isPurged, purgeRefusal, type Refusal, rollbackRefusal } from './safety-window.ts';
import { newSaga, type StartInput, type StartOutcome } from './start.ts';

export type ActOutcome = { kind: 'accepted' } | { kind: 'unknown' } | ({ kind: 'refused' } & Refusal);

/**
 * Serializes the migrations of one stack: load, advance, commit, send, arm the alarm. Nothing the next wake needs lives
 * in memory; waking takes the same path as running.
 */
export class Coordinator {
  readonly #ports: CoordinatorPorts;
  readonly #contacts: Contacts;
  readonly #leases: GrantedLeases;
  #turn: Promise<unknown> = Promise.resolve();
  readonly #preflights = new Map<string, Promise<Report | null>>();
  /** By migration and reporting host; emptied with each step. */
  readonly #progress = new Map<string, ProgressMemory>();

  constructor(ports: CoordinatorPorts) {
    this.#ports = ports;
    this.#contacts = new Contacts(ports.hosts, ports.memory);
    this.#leases = new GrantedLeases(ports.memory);
  }

  async start(input: StartInput): Promise<StartOutcome> {
    const { store, memory } = this.#ports;
    const now = Date.now();
    const id = newId('mig', now);
    const saga = newSaga(id, input, now);
    const { health_timeout_s: _, window_ms: __, drain_id = null, bandwidth_limit = null, ...row } = input;
    const clocks = { created_at: now, ended_at: null };
    const first = { ...row, ...clocks, drain_id, bandwidth_limit, id, status: saga.status, saga };
    const inserted = { ...first, report: null, failure: null };
    const outcome = await this.#inTurn(async () => {
      // Armed before the row exists: whatever dies after the insert, something wakes up to go on (F1).
      await memory.put('stack_id', input.stack_id);
      await memory.setAlarm(now + limits.control.commandCheckMs);
      return store.insert(inserted);
    });
    if (outcome === 'busy') return { kind: 'busy', id: (await store.activeOf(input.stack_id))?.id ?? '' };
    if (outcome === 'host_deleted') return { kind: 'host_deleted' };
    // Begun, whatever becomes of the pre-flight here: the alarm runs it again.
    const report = await within(
      limits.control.preflightWaitMsMax,
      this.#preflight(id).catch(() => null),
    );
    if (report && !report.passed) return { kind: 'refused', id, report };
    return { kind: 'started', id, row: { ...inserted, version: 1, updated_at: now } };
  }

  async cancel(id: string): Promise<ActOutcome> {
    const { row, changed } = await this.#apply(id, { type: 'cancel' });
    if (!row) return { kind: 'unknown' };
    const repeated = row.saga.cancel_requested && ['reverting', 'cancelled'].includes(row.status);
    return changed || repeated ? { kind: 'accepted' } : { kind: 'refused', ...cancelRefusal(row.status) };
  }

  /** For the operator who decides what a wait cannot bring about. */
  async resolve(id: string, resolution: Resolution): Promise<ActOutcome> {
    const before = await this.#ports.store.load(id);
    if (!before) return { kind: 'unknown' };
    const refused = resolutionRefusal(before.saga, resolution) ?? (await this.#resolveObstacle(before, resolution));
    if (refused) return { kind: 'refused', ...refused };
    const { row, changed } = await this.#apply(id, { type: 'resolve', resolution });
    if (changed) return { kind: 'accepted' };
    return { kind: 'refused', ...((row && resolutionRefusal(row.saga, resolution)) ?? anotherRuns) };
  }

  /** For the operator who mended what a `needs_attention` waits for, or what an ended migration still owes. */
  async retry(id: string, stopped: boolean): Promise<ActOutcome> {
    const { row, changed } = await this.#apply(id, { type: 'retry', stopped });
    if (!row) return { kind: 'unknown' };
    if (changed) return { kind: 'accepted' };
    return { kind: 'refused', code: 'nothing_to_retry', message: 'It waits for nobody to mend anything.' };
  }

  async rollback(id: string): Promise<ActOutcome> {
    const before = await this.#ports.store.load(id);
    if (!before) return { kind: 'unknown' };
    const refused = rollbackRefusal(before.saga, Date.now()) ?? (await this.#rollbackObstacle(before));
    if (before.status === 'rolling_back') return { kind: 'accepted' };
    if (refused) return { kind: 'refused', ...refused };
    const { row, changed, outcome } = await this.#apply(id, { type: 'rollback' });
    if (changed || row?.status === 'rolling_back') return { kind: 'accepted' };
    if (outcome === 'host_deleted') return { kind: 'refused', ...hostIsDeleted };
    const lateRefusal = row && rollbackRefusal(row.saga, Date.now());
    return { kind: 'refused', ...(lateRefusal ?? anotherRuns) };
  }

  /** Deletes what the source kept, or what a rolled back migration left on the target. `accepted` also for a repeat. */
  async purge(id: string, side: 'source' | 'target'): Promise<ActOutcome> {
    const before = await this.#ports.store.load(id);
    if (!before) return { kind: 'unknown' };
    const refused = purgeRefusal(before.saga, side) ?? (await this.#purgeObstacle(before, side));
    if (refused) return { kind: 'refused', ...refused };
    const { row } = await this.#apply(id, { type: 'purge', side });
    const lateRefusal = row && purgeRefusal(row.saga, side);
    return lateRefusal ? { kind: 'refused', ...lateRefusal } : { kind: 'accepted' };
  }

  async remind(id: string): Promise<void> {
    await this.#apply(id, { type: 'remind' });
  }

  async copySeen(id: string, running: boolean): Promise<void> {
    await this.#apply(id, { type: 'copy_seen', running });
  }

  /** The route asks `hostDeletionRefusal` first; a migration that began meanwhile keeps the host busy. */
  async hostDeleted(id: string, host: string): Promise<void> {
    await this.#apply(id, { type: 'host_deleted', host });
  }

  /** An agent's answer. Resolves once it is committed, so the agent may forget it. */
  async report(id: string, commandId: string, outcome: Outcome): Promise<void> {
    const row = await this.#ports.store.load(id);
    const awaited = row?.saga.awaiting.find((command) => command.id === commandId);
    if (!awaited) return;
    await this.#apply(id, eventOf(commandId, awaited.kind, outcome));
  }

  async progress(id: string, host: string, items: ItemProgress[]): Promise<void> {
    await this.#contacts.heard(host);
    const memory = this.#progress.get(`${id} ${host}`) ?? newProgress();
    this.#progress.set(`${id} ${host}`, memory);
    if (items.length > 0) recordProgress(memory, items, Date.now());
  }

  async progressOf(id: string): Promise<ProgressView | null> {
    const row = await this.#ports.store.load(id);
    return row ? viewProgress(this.#progress.get(`${id} ${row.target_host_id}`) ?? newProgress(), row.saga) : null;
  }

  /** Decided in turn with transitions, so never granted once a way back has begun; recorded before it is answered. */
  lease(id: string, host: string, epoch: number): Promise<AskReply<'lease'>> {
    return this.#inTurn(async () => {
      const row = await this.#ports.store.load(id);
      const granted_at = Date.now();
      const { leaseMs: lease_ms } = limits.lease;
      if (!row || !grantsLease(row.saga, host, epoch)) return { granted: false, lease_ms };
      await this.#leases.record(id, host, granted_at + lease_ms);
      return { granted: true, lease_ms, granted_at };
    });
  }

  /** The alarm, and the repair sweep. */
  async wake(): Promise<void> {
    const { memory, store } = this.#ports;
    // The platform gives an alarm up after six failures, so the next one is armed before anything can fail (F4).
    await this.#inTurn(() => memory.setAlarm(Date.now() + limits.control.commandCheckMs));
    const stackId = (await memory.get('stack_id')) as string | undefined;
    if (!stackId) return;
    for (const row of await store.waitingOf(stackId)) await this.#check(row);
    // In turn, or what was read here could delete the alarm that a migration which began meanwhile has set.
    await this.#inTurn(() => this.#rearm(stackId));
  }

  async #check(row: MigrationRow): Promise<void> {
    if (row.status === 'preflight') void this.#preflight(row.id).catch(() => null);
    const sides = [row.source_host_id, row.target_host_id].map((host) => this.#progress.get(`${row.id} ${host}`));
    // Both are asked: each forgets that its bytes moved.
    if (sides.map(takeMoved).includes(true)) await this.#apply(row.id, { type: 'moved' });
    await this.#apply(row.id, async ({ saga }) => ({ type: 'overdue', leased_until: await this.#leases.until(saga) }));
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
    const row = await this.#ports.store.load(id);
    if (!row) return null;
    for (let attempt = 0; attempt < limits.control.commitTriesMax; attempt++) {
      const preflight = await this.#ports.preflight(row);
      const { plan, report } = preflight;
      const event: SagaEvent = plan ? { type: 'preflight_passed', plan } : refusal(report);
      const { outcome } = await this.#apply(id, event, preflight);
      // The next look counts the room that was promised to another meanwhile.
      if (outcome !== 'no_room') return report;
    }
    throw new Error(`migration ${id}: the target's room kept being promised to others`);
  }

  /** Two copies must never run, so the target has to be there to be stopped. */
  async #rollbackObstacle(row: MigrationRow): Promise<Refusal | null> {
    const { store, hosts } = this.#ports;
    if ((await store.homeOf(row.stack_id)) !== row.target_host_id) return movedOn;
    const [source, target] = await Promise.all([row.source_host_id, row.target_host_id].map((id) => hosts.online(id)));
    if (!target)
      return {
        code: 'target_unreachable',
        message: 'The target does not answer and may still run the stack; bring its agent back first.',
      };
    return source ? null : { code: 'host_offline', message: 'The source host does not answer; bring its agent back.' };
  }

  /** A host that answers is asked, not declared lost. */
  async #resolveObstacle(row: MigrationRow, resolution: Resolution): Promise<Refusal | null> {
    if (resolution === 'give_up') return null;
    const [lost, home] =
      resolution === 'source_lost'
        ? (['source', row.source_host_id] as const)
        : (['target', row.target_host_id] as const);
    if (isTerminal(row.status) && (await this.#ports.store.homeOf(row.stack_id)) !== home) return movedOn;
    if (!(await this.#ports.hosts.online(home))) return null;
    return {
      code: 'host_not_lost',
      message: `The ${lost} host answers, so it is not lost: its agent can stop or start the stack there. Mend what it reports, then retry.`,
    };
  }

  async #purgeObstacle(row: MigrationRow, side: 'source' | 'target'): Promise<Refusal | null> {
    const host = side === 'source' ? row.source_host_id : row.target_host_id;
    if (isPurged(row.saga.window, side)) return null;
    if ((await this.#ports.store.homeOf(row.stack_id)) === host)
      return { code: 'migration_superseded', message: 'The stack lives on that host again; nothing of it is deleted.' };
    if (await this.#ports.hosts.online(host)) return null;
    return { code: 'host_offline', message: `The ${side} host does not answer; nothing was deleted. Try again later.` };
  }

  /** Load, advance, commit; then send and arm. Another writer's win is met by loading again. */
  #apply(
    id: string,
    given: SagaEvent | ((row: MigrationRow) => Promise<SagaEvent>),
    preflight: Preflight | null = null,
  ): Promise<{ row: MigrationRow | null; changed: boolean; outcome?: CommitOutcome }> {
    return this.#inTurn(async () => {
      const { store, background } = this.#ports;
      for (let attempt = 0; attempt < limits.control.commitTriesMax; attempt++) {
        const row = await store.load(id);
        if (!row) return { row, changed: false };
        const event = typeof given === 'function' ? await given(row) : given;
        const now = Date.now();
        const next = advance(row.saga, event, now);
        if (!next) return { row, changed: false };
        const outcome = await store.commit(row, next, event.type, now, preflight);
        if (outcome === 'stale' || outcome === 'late') continue;
        if (outcome !== 'committed') return { row, changed: false, outcome };
        if (next.saga.status !== row.status) this.#progress.clear();
        background(this.#contacts.deliver(row.id, next.commands));
        await this.#rearm(row.stack_id);
        return { row: { ...row, status: next.saga.status, saga: next.saga }, changed: true };
      }
      throw new Error(`migration ${id}: other writers kept winning`);
    });
  }

  async #rearm(stackId: string): Promise<void> {
    const { store, memory } = this.#ports;
    const check = Date.now() + limits.control.commandCheckMs;
    const due = (await store.waitingOf(stackId)).map(({ status, saga }) => {
      const deadline = saga.deadline_at ?? Number.POSITIVE_INFINITY;
      return isTerminal(status) ? deadline : Math.min(deadline, check);
    });
    if (due.length === 0) await memory.deleteAlarm();
    else await memory.setAlarm(Math.max(Math.min(...due), Date.now() + 1));
  }

  /** Transitions of a stack happen one after another. */
  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#turn.then(work, work);
    this.#turn = result.catch(() => null);
    return result;
  }
}

const movedOn: Refusal = {
  code: 'migration_superseded',
  message: 'The stack has moved on since; roll back its newest migration.',
};
const hostIsDeleted: Refusal = {
  code: 'host_deleted',
  message: 'One of its hosts was deleted from the fleet, so it cannot be rolled back.',
};
const anotherRuns: Refusal = { code: 'migration_running', message: 'Another migration of this stack is under way.' };

function cancelRefusal(status: Status): Refusal {
  if (isTerminal(status)) return { code: 'migration_ended', message: 'It has ended; there is nothing left to cancel.' };
  const message =
    status === 'rolling_back'
      ? 'It is being rolled back, which is not cancelled: if it fails, the target is put back.'
      : status === 'needs_attention'
        ? 'It is going back already, and waits: `attention` says for what, and how the wait can be resolved.'
        : 'It is going back already.';
  return { code: 'nothing_to_cancel', message };
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

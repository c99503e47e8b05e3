import type { AskReply, ItemProgress, Outcome } from '../../../schema/agent-protocol.ts';
import type { ProgressView } from '../../../schema/api/migrations.ts';
import { newId } from '../../../schema/ids.ts';
import { limits } from '../../../schema/limits.ts';
import { isTerminal } from '../../../schema/migration-status.ts';
import { within } from '../../time.ts';
import { CommittedVersions } from './committed-versions.ts';
import type { SagaEvent } from './events.ts';
import { GrantedLeases } from './granted-leases.ts';
import { HostLiveness } from './host-liveness.ts';
import { grantsLease } from './lease-grant.ts';
import { OperatorActs } from './operator-acts.ts';
import type { CoordinatorPorts, MigrationRow } from './ports.ts';
import { PreflightRuns } from './preflight-runs.ts';
import { newProgress, type ProgressMemory, recordProgress, takeMoved, viewProgress } from './progress.ts';
import { eventOf, revealsRestore } from './reported.ts';
import { newSaga, type StartInput, type StartOutcome } from './start.ts';
import { trafficOf } from './traffic.ts';
import { Transitions } from './transitions.ts';

/**
 * Serializes the migrations of one stack (`transitions.ts`) and is what routes, hosts and alarms call. Keeps no state in
 * memory that the next wake needs; waking takes the same path as running.
 */
export class Coordinator {
  readonly acts: OperatorActs;
  readonly #ports: CoordinatorPorts;
  readonly #liveness: HostLiveness;
  readonly #leases: GrantedLeases;
  readonly #versions: CommittedVersions;
  readonly #transitions: Transitions;
  readonly #preflights: PreflightRuns;
  /** Keyed by migration and reporting host; cleared with each step. */
  readonly #progress = new Map<string, ProgressMemory>();

  constructor(ports: CoordinatorPorts) {
    this.#ports = ports;
    this.#liveness = new HostLiveness(ports.hosts, ports.memory);
    this.#leases = new GrantedLeases(ports.memory);
    this.#versions = new CommittedVersions(ports.memory);
    this.#transitions = new Transitions(ports, this.#versions, {
      commands: (saga, commands) => ports.background(this.#liveness.deliver(saga, commands)),
      status: () => this.#progress.clear(),
    });
    this.#preflights = new PreflightRuns(ports, this.#transitions);
    this.acts = new OperatorActs(ports, this.#transitions);
  }

  async start(input: StartInput): Promise<StartOutcome> {
    const { store, memory } = this.#ports;
    // Until its hosts are heard it is not known where the stack lives.
    const asked = (await this.#checkLatest([])) ?? (await this.#beingAsked(input.stack_id));
    if (asked) return { kind: 'busy', id: asked };
    const now = Date.now();
    const id = newId('mig', now);
    const saga = newSaga(id, input, now);
    const { health_timeout_s: _, window_ms: __, drain_id = null, bandwidth_limit = null, ...row } = input;
    const clocks = { created_at: now, ended_at: null };
    const first = { ...row, ...clocks, drain_id, bandwidth_limit, id, status: saga.status, saga };
    const inserted = { ...first, report: null, failure: null };
    const outcome = await this.#transitions.inTurn(async () => {
      // The alarm is set before the row exists, so a crash after the insert still leads to a wake (F1).
      await memory.put('stack_id', input.stack_id);
      await memory.setAlarm(now + limits.control.commandCheckMs);
      return store.insert(inserted);
    });
    if (outcome === 'busy') return { kind: 'busy', id: (await store.activeOf(input.stack_id))?.id ?? '' };
    if (outcome === 'host_deleted') return { kind: 'host_deleted' };
    // The migration has started even if this pre-flight fails or is slow: the alarm runs it again.
    const report = await within(
      limits.control.preflightWaitMsMax,
      this.#preflights.run(id, drain_id ? 'patient' : 'once').catch(() => null),
    );
    if (report && !report.passed) return { kind: 'refused', id, report };
    return { kind: 'started', id, row: { ...inserted, version: 1, updated_at: now } };
  }

  async remind(id: string): Promise<void> {
    const row = await this.#ports.store.load(id);
    const per_minute = row && (await trafficOf(row, this.#ports.hosts));
    await this.#transitions.apply(id, { type: 'remind', per_minute });
  }

  async copySeen(id: string, running: boolean): Promise<void> {
    await this.#transitions.apply(id, { type: 'copy_seen', running });
  }

  /** The route checks `hostDeletionRefusal` first; a migration that has started since keeps the host busy. */
  async hostDeleted(id: string, host: string): Promise<void> {
    const event = { type: 'host_deleted', host } as const;
    const { changed } = await this.#transitions.apply(id, event);
    // The first call applied `restored` instead if the record was found to be restored.
    if (!changed) await this.#transitions.apply(id, event);
  }

  /** Records an agent's answer. Resolves once it is committed, so the agent may forget it. */
  async report(id: string, commandId: string, outcome: Outcome): Promise<void> {
    const row = await this.#ports.store.load(id);
    const awaited = row?.saga.awaiting.find((command) => command.id === commandId);
    if (!awaited) return;
    await this.#transitions.apply(id, async (current) => {
      const { awaiting, telling } = current.saga;
      const stillAwaited = awaiting.some((command) => command.id === commandId);
      return stillAwaited && !telling && revealsRestore(outcome)
        ? restored
        : eventOf(current, commandId, awaited.kind, outcome);
    });
  }

  async progress(id: string, host: string, items: ItemProgress[]): Promise<void> {
    await this.#liveness.heard(host);
    const memory = this.#progress.get(`${id} ${host}`) ?? newProgress();
    this.#progress.set(`${id} ${host}`, memory);
    if (items.length > 0) recordProgress(memory, items, Date.now());
  }

  async progressOf(id: string): Promise<ProgressView | null> {
    const row = await this.#ports.store.load(id);
    const seen = row && this.#progress.get(`${id} ${row.target_host_id}`);
    return row ? viewProgress(seen ?? newProgress(), row.saga, Date.now()) : null;
  }

  /** Serialized with transitions, so never granted once an undo has begun. Recorded before it is answered. */
  lease(id: string, host: string, epoch: number): Promise<AskReply<'lease'>> {
    return this.#transitions.inTurn(async () => {
      const row = await this.#ports.store.load(id);
      const granted_at = Date.now();
      const { leaseMs: lease_ms } = limits.lease;
      // A host that knows a newer epoch than this record shows that the database was restored.
      if (row && (epoch > row.saga.epoch || (await this.#versions.isBehind(row))))
        this.#ports.background(
          this.#transitions.apply(id, (now) => (epoch > now.saga.epoch ? restored : this.#overdue(now))),
        );
      else if (row && grantsLease(row.saga, host, epoch)) {
        await this.#leases.record(id, host, granted_at + lease_ms);
        return { granted: true, lease_ms, granted_at };
      }
      return { granted: false, lease_ms };
    });
  }

  /** Called by the alarm and by the repair sweep. */
  async wake(): Promise<void> {
    const { memory, store } = this.#ports;
    // The platform drops an alarm after six failures, so the next one is set before anything can fail (F4).
    await this.#transitions.inTurn(() => memory.setAlarm(Date.now() + limits.control.commandCheckMs));
    const stackId = (await memory.get('stack_id')) as string | undefined;
    if (!stackId) return;
    const waiting = await store.waitingOf(stackId);
    for (const row of waiting) await this.#check(row);
    await this.#checkLatest(waiting);
    // Serialized, or a stale read could delete the alarm set by a migration that has just started.
    await this.#transitions.inTurn(() => this.#transitions.rearm(stackId));
  }

  /**
   * A restored database may list the latest migration as waiting for nothing, although it is running. Returns its id if it
   * was found to be behind.
   */
  async #checkLatest(waiting: MigrationRow[]): Promise<string | null> {
    const id = await this.#versions.latest();
    if (!id || waiting.some((row) => row.id === id)) return null;
    const row = await this.#ports.store.load(id);
    if (!row || !(await this.#versions.isBehind(row))) return null;
    await this.#transitions.apply(id, this.#overdue);
    return id;
  }

  /** The restored migration whose hosts were asked and still have time to answer. */
  async #beingAsked(stackId: string): Promise<string | null> {
    return (await this.#ports.store.waitingOf(stackId)).find(({ saga }) => saga.telling)?.id ?? null;
  }

  async #check(row: MigrationRow): Promise<void> {
    if (row.status === 'preflight') void this.#preflights.run(row.id, 'patient').catch(() => null);
    const sides = [row.source_host_id, row.target_host_id].map((host) => this.#progress.get(`${row.id} ${host}`));
    // No short circuit: `takeMoved` resets each side.
    if (sides.map(takeMoved).includes(true)) await this.#transitions.apply(row.id, { type: 'moved' });
    await this.#transitions.apply(row.id, this.#overdue);
    if (isTerminal(row.status)) return;
    for (const host of await this.#liveness.lost(row.saga))
      await this.#transitions.apply(row.id, { type: 'agent_lost', host });
  }

  /** No change if no deadline has passed; `restored` if the record is behind (`Transitions.apply`). */
  readonly #overdue = async ({ saga, stack_id, target_host_id }: MigrationRow): Promise<SagaEvent> => ({
    type: 'overdue',
    leased_until: await this.#leases.until(saga),
    // Read by a restored record alone, and every check of every migration comes here.
    moved_on: saga.telling && (await this.#ports.store.homeOf(stack_id)) !== target_host_id,
  });
}

const restored = { type: 'restored' } as const;

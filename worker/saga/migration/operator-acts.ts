import type { Resolution } from '../../../schema/saga.ts';
import { endForwardingRefusal } from './forwarding.ts';
import { cutoverRefusal } from './hold.ts';
import {
  anotherRuns,
  cancelRefusal,
  hostIsDeleted,
  purgeObstacle,
  resolveObstacle,
  rollbackObstacle,
} from './obstacles.ts';
import type { CoordinatorPorts } from './ports.ts';
import type { Refusal } from './refusal.ts';
import { resolutionRefusal } from './resolutions.ts';
import { purgeRefusal, rollbackRefusal } from './safety-window.ts';
import type { Transitions } from './transitions.ts';

export type ActOutcome = { kind: 'accepted' } | { kind: 'unknown' } | ({ kind: 'refused' } & Refusal);

/** What an operator may do to a migration of one stack. Each says why it is refused. */
export class OperatorActs {
  readonly #ports: CoordinatorPorts;
  readonly #transitions: Transitions;

  constructor(ports: CoordinatorPorts, transitions: Transitions) {
    this.#ports = ports;
    this.#transitions = transitions;
  }

  async cancel(id: string, traceId?: string): Promise<ActOutcome> {
    const { row, changed } = await this.#transitions.apply(id, { type: 'cancel' }, null, traceId);
    if (!row) return { kind: 'unknown' };
    const repeated = row.saga.cancel_requested && ['reverting', 'cancelled'].includes(row.status);
    return changed || repeated ? { kind: 'accepted' } : { kind: 'refused', ...cancelRefusal(row.status) };
  }

  /** Ends the hold, at once or at that time. Idempotent. */
  async cutover(id: string, at: number | null, traceId?: string): Promise<ActOutcome> {
    const { row } = await this.#transitions.apply(id, { type: 'cutover', at }, null, traceId);
    if (!row) return { kind: 'unknown' };
    const refused = cutoverRefusal(row.saga, at);
    return refused ? { kind: 'refused', ...refused } : { kind: 'accepted' };
  }

  /** Applies an operator's decision when waiting cannot resolve a migration. */
  async resolve(id: string, resolution: Resolution, traceId?: string): Promise<ActOutcome> {
    const before = await this.#ports.store.load(id);
    if (!before) return { kind: 'unknown' };
    const refused =
      resolutionRefusal(before.saga, resolution) ?? (await resolveObstacle(before, resolution, this.#ports));
    if (refused) return { kind: 'refused', ...refused };
    const { row, changed } = await this.#transitions.apply(id, { type: 'resolve', resolution }, null, traceId);
    if (changed) return { kind: 'accepted' };
    return { kind: 'refused', ...((row && resolutionRefusal(row.saga, resolution)) ?? anotherRuns) };
  }

  /** Retries what `needs_attention` waits for, or what a terminal migration still has to do. */
  async retry(id: string, stopped: boolean, traceId?: string): Promise<ActOutcome> {
    const { row, changed } = await this.#transitions.apply(id, { type: 'retry', stopped }, null, traceId);
    if (!row) return { kind: 'unknown' };
    if (changed) return { kind: 'accepted' };
    return {
      kind: 'refused',
      code: 'nothing_to_retry',
      message: 'Nothing to retry: this migration is not waiting for you.',
    };
  }

  async rollback(id: string, traceId?: string): Promise<ActOutcome> {
    const before = await this.#ports.store.load(id);
    if (!before) return { kind: 'unknown' };
    const refused = rollbackRefusal(before.saga, Date.now()) ?? (await rollbackObstacle(before, this.#ports));
    if (before.status === 'rolling_back') return { kind: 'accepted' };
    if (refused) return { kind: 'refused', ...refused };
    const { row, changed, outcome } = await this.#transitions.apply(id, { type: 'rollback' }, null, traceId);
    if (changed || row?.status === 'rolling_back') return { kind: 'accepted' };
    if (outcome === 'host_deleted') return { kind: 'refused', ...hostIsDeleted };
    const lateRefusal = row && rollbackRefusal(row.saga, Date.now());
    return { kind: 'refused', ...(lateRefusal ?? anotherRuns) };
  }

  /** Deletes the copy kept on the source, or left on the target by a rolled-back migration. Idempotent. */
  async purge(id: string, side: 'source' | 'target', traceId?: string): Promise<ActOutcome> {
    const before = await this.#ports.store.load(id);
    if (!before) return { kind: 'unknown' };
    const refused = purgeRefusal(before.saga, side) ?? (await purgeObstacle(before, side, this.#ports));
    if (refused) return { kind: 'refused', ...refused };
    const { row } = await this.#transitions.apply(id, { type: 'purge', side }, null, traceId);
    const lateRefusal = row && purgeRefusal(row.saga, side);
    return lateRefusal ? { kind: 'refused', ...lateRefusal } : { kind: 'accepted' };
  }

  /** Connections to the source are no longer passed on. Idempotent. */
  async endForwarding(id: string, traceId?: string): Promise<ActOutcome> {
    const { row } = await this.#transitions.apply(id, { type: 'end_forwarding' }, null, traceId);
    if (!row) return { kind: 'unknown' };
    const refused = endForwardingRefusal(row.saga);
    return refused ? { kind: 'refused', ...refused } : { kind: 'accepted' };
  }

  /** With the window's end forwarding ends too: the reminder says who would be refused then. */
}

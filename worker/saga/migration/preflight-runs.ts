import { limits } from '../../../schema/limits.ts';
import type { Report } from '../../../schema/preflight-report.ts';
import type { CoordinatorPorts } from './ports.ts';
import { hasRoomFor } from './record-room.ts';
import { preflightRefusal } from './reported.ts';
import type { Transitions } from './transitions.ts';

/** `patient`: nobody waits for the answer, so hosts that are offline get time until the step's deadline. */
type Manner = 'once' | 'patient';

/** Runs the pre-flights of one stack's migrations, and applies what they find. */
export class PreflightRuns {
  readonly #ports: Pick<CoordinatorPorts, 'store' | 'preflight'>;
  readonly #transitions: Transitions;
  readonly #running = new Map<string, Promise<Report | null>>();

  constructor(ports: Pick<CoordinatorPorts, 'store' | 'preflight'>, transitions: Transitions) {
    this.#ports = ports;
    this.#transitions = transitions;
  }

  /** At most one per migration; a wake runs it again after an eviction, or if a patient one found a host offline. */
  run(id: string, manner: Manner): Promise<Report | null> {
    const running = this.#running.get(id) ?? this.#run(id, manner).finally(() => this.#running.delete(id));
    this.#running.set(id, running);
    return running;
  }

  /** Returns null if it is left to the next wake, which is possible until the step's deadline. */
  async #run(id: string, manner: Manner): Promise<Report | null> {
    const row = await this.#ports.store.load(id);
    if (!row) return null;
    for (let attempt = 0; attempt < limits.control.commitTriesMax; attempt++) {
      const preflight = await this.#ports.preflight(row);
      const { plan, report, offline } = preflight;
      const untilDeadline = (row.saga.deadline_at ?? 0) - Date.now();
      // A deploy cuts every connection. A caller who waits for the answer learns of it at once.
      if (manner === 'patient' && offline && untilDeadline > limits.control.commandCheckMs) return null;
      const fits = hasRoomFor({ ...row, report }, plan);
      const event =
        plan && fits ? ({ type: 'preflight_passed', plan } as const) : preflightRefusal(plan ? null : report);
      const { outcome } = await this.#transitions.apply(id, event, preflight);
      // Another migration reserved the room meanwhile; the next pre-flight counts it.
      if (outcome !== 'no_room') return report;
    }
    throw new Error(`migration ${id}: the target's room kept being promised to others`);
  }
}

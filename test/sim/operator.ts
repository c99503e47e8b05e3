import { isTerminal } from '../../schema/migration-status.ts';
import type { Resolution } from '../../schema/saga.ts';
import { hostDeletionRefusal } from '../../worker/saga/migration/host-deletion.ts';
import type { StartInput } from '../../worker/saga/migration/start.ts';
import { type Actor, newActor } from './clock.ts';
import { cutoverNamesOf } from './names.ts';
import type { StackSpec } from './stacks.ts';
import type { World } from './world.ts';

const isResolution = (what: string): what is Resolution => /_lost$|give_up/.test(what);

/** Who calls the API. What is refused is refused; a call whose answer is lost may have been heard. */
export class Operator {
  readonly #world: World;
  readonly #actor: Actor = newActor('operator');

  constructor(world: World) {
    this.#world = world;
  }

  start(stack: StackSpec, target: string, over: Partial<StartInput> = {}): void {
    const source_host_id = this.#world.control.store.homes.get(stack.id) ?? stack.home;
    if (source_host_id === target) return;
    this.#world.trace('operator', `moves ${stack.project} from ${source_host_id} to ${target}`);
    const input: StartInput = {
      stack_id: stack.id,
      stack_name: stack.project,
      source_host_id,
      target_host_id: target,
      mode: 'stop-copy',
      sizing: 'host',
      verify: 'manifest',
      accept_unmoved: false,
      accept_drift: false,
      forward: false,
      hold: false,
      cutover_dns: cutoverNamesOf(stack),
      proxy_protocol: [],
      binds: ['all'],
      env: [],
      exclude: [],
      with_external: false,
      with_registry_auth: false,
      health_timeout_s: 60,
      callback_url: null,
      window_ms: 15 * 60_000,
      requested_by: 'operator',
      ...over,
    };
    this.#world.control.call(this.#actor, stack.id, (coordinator) => coordinator.start(input)).catch(() => {});
  }

  /** On the newest migration of the stack, if it has one. */
  ask(
    stack: StackSpec,
    what: Resolution | 'cancel' | 'cutover' | 'rollback' | 'retry' | 'purge source' | 'purge target' | 'end forwarding',
  ): void {
    const { store } = this.#world.control;
    const newest = store.newestOf(stack.id);
    const row = isResolution(what) && newest?.status !== 'needs_attention' ? store.newestMove(stack.id) : newest;
    if (!row) return;
    this.#world.trace('operator', `asks to ${what} ${row.id.slice(-4)} (${stack.project}, ${row.status})`);
    const call = {
      cancel: () => this.#call(stack, ({ acts }) => acts.cancel(row.id)),
      cutover: () => this.#call(stack, ({ acts }) => acts.cutover(row.id, null)),
      rollback: () => this.#call(stack, ({ acts }) => acts.rollback(row.id)),
      retry: () => this.#call(stack, ({ acts }) => acts.retry(row.id, false)),
      'end forwarding': () => this.#call(stack, ({ acts }) => acts.endForwarding(row.id)),
      'purge source': () => this.#call(stack, ({ acts }) => acts.purge(row.id, 'source')),
      'purge target': () => this.#call(stack, ({ acts }) => acts.purge(row.id, 'target')),
      source_lost: () => this.#call(stack, ({ acts }) => acts.resolve(row.id, 'source_lost')),
      target_lost: () => this.#call(stack, ({ acts }) => acts.resolve(row.id, 'target_lost')),
      give_up: () => this.#call(stack, ({ acts }) => acts.resolve(row.id, 'give_up')),
    };
    call[what]();
  }

  /**
   * Truthful: of a host that is lost for good, and of nothing else. What cannot be had from the other one is given up, and so
   * is what that one refuses again and again.
   */
  resolveLoss(stack: StackSpec, giveUp: boolean): void {
    const { store } = this.#world.control;
    const newest = store.newestOf(stack.id);
    const row = newest?.status === 'needs_attention' ? newest : store.newestMove(stack.id);
    const lost = (['source', 'target'] as const).filter((side) => row && this.#world.host(row.saga[side]).lost);
    const [side] = lost;
    if (!row || !side) return;
    const offered = row.saga.attention?.resolutions.some(({ resolution }) => resolution === `${side}_lost`);
    const itsHome = row.status === 'completed' ? side === 'target' : row.status === 'rolled_back' && side === 'source';
    if (isTerminal(row.status) && (!itsHome || lost.length > 1)) return;
    // A hold lasts for as long as nobody ends it.
    if (row.status === 'holding') this.ask(stack, 'cancel');
    else this.ask(stack, (offered || itsHome) && lost.length === 1 && !giveUp ? `${side}_lost` : 'give_up');
  }

  /** As the route does it: refused while a migration needs the host, else told to each that had to do with it. */
  deleteHost(id: string): boolean {
    const { control } = this.#world;
    const rows = [...control.store.rows.values()].filter(({ saga }) => saga.source === id || saga.target === id);
    if (rows.some(({ saga }) => hostDeletionRefusal(saga, id))) return false;
    this.#world.trace('operator', `deletes ${id}`);
    this.#world.host(id).deleted = true;
    control.network.cutAllSockets();
    for (const row of rows)
      control.call(this.#actor, row.stack_id, (coordinator) => coordinator.hostDeleted(row.id, id)).catch(() => {});
    return true;
  }

  #call(stack: StackSpec, act: Parameters<World['control']['call']>[2]): void {
    this.#world.control.call(this.#actor, stack.id, act).catch(() => {});
  }
}

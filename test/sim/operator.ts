import type { StartInput } from '../../worker/migration/start.ts';
import { type Actor, newActor } from './clock.ts';
import type { StackSpec } from './stacks.ts';
import type { World } from './world.ts';

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
      health_timeout_s: 60,
      callback_url: null,
      window_ms: 15 * 60_000,
      requested_by: 'operator',
      ...over,
    };
    this.#world.control.call(this.#actor, stack.id, (coordinator) => coordinator.start(input)).catch(() => {});
  }

  /** On the newest migration of the stack, if it has one. */
  ask(stack: StackSpec, what: 'cancel' | 'rollback' | 'retry' | 'purge source' | 'purge target'): void {
    const row = [...this.#world.control.store.rows.values()].findLast(({ stack_id }) => stack_id === stack.id);
    if (!row) return;
    this.#world.trace('operator', `asks to ${what} ${row.id.slice(-4)} (${stack.project}, ${row.status})`);
    const acts = {
      cancel: () => this.#call(stack, (c) => c.cancel(row.id)),
      rollback: () => this.#call(stack, (c) => c.rollback(row.id)),
      retry: () => this.#call(stack, (c) => c.retry(row.id, false)),
      'purge source': () => this.#call(stack, (c) => c.purge(row.id, 'source')),
      'purge target': () => this.#call(stack, (c) => c.purge(row.id, 'target')),
    };
    acts[what]();
  }

  #call(stack: StackSpec, act: Parameters<World['control']['call']>[2]): void {
    this.#world.control.call(this.#actor, stack.id, act).catch(() => {});
  }
}

import { setFlagsFromString } from 'node:v8';

/**
 * Virtual time. One task runs, then every microtask it caused, then the next task: nothing real is waited for, so a seed
 * replays exactly. Each task belongs to an actor, and an actor that died runs no more.
 */
export interface Actor {
  name: string;
  alive: boolean;
  /** What its wall clock shows beyond the true time (F38). */
  skewMs: number;
  /** Called once, when it dies. */
  deaths: Set<() => void>;
}

interface Task {
  at: number;
  order: number;
  actor: Actor | null;
  run: () => void;
  cancelled: boolean;
}

export function newActor(name: string, skewMs = 0): Actor {
  return { name, alive: true, skewMs, deaths: new Set() };
}

/** Far enough from 0 that no timestamp is falsy. */
export const epochMs = Date.UTC(2027, 0, 1);

export class VirtualTime {
  /** Milliseconds since the run began. */
  now = 0;
  /** Whose code runs. */
  actor: Actor | null = null;
  #order = 0;
  readonly #heap: Task[] = [];

  /** Runs it after `ms`, unless its actor has died. */
  after(ms: number, actor: Actor | null, run: () => void): Task {
    const task = { at: this.now + Math.max(0, ms), order: this.#order++, actor, run, cancelled: false };
    this.#push(task);
    return task;
  }

  /** One task and what follows from it. False where nothing is left to do before `until`. */
  step(until: number): boolean {
    for (;;) {
      const task = this.#heap[0];
      if (!task || task.at > until) return false;
      this.#pop();
      if (task.cancelled || task.actor?.alive === false) continue;
      this.now = task.at;
      this.actor = task.actor;
      task.run();
      drainMicrotasks();
      this.actor = null;
      return true;
    }
  }

  /** Its pending tasks, port calls and continuations have no effect any more. */
  kill(actor: Actor): void {
    if (!actor.alive) return;
    actor.alive = false;
    for (const death of [...actor.deaths]) death();
    actor.deaths.clear();
  }

  #push(task: Task): void {
    const heap = this.#heap;
    let index = heap.push(task) - 1;
    while (index > 0) {
      const parent = (index - 1) >> 1;
      if (before(heap[parent]!, task)) break;
      heap[index] = heap[parent]!;
      index = parent;
    }
    heap[index] = task;
  }

  #pop(): void {
    const heap = this.#heap;
    const last = heap.pop()!;
    if (heap.length === 0) return;
    let index = 0;
    for (;;) {
      let child = 2 * index + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && before(heap[child + 1]!, heap[child]!)) child += 1;
      if (before(last, heap[child]!)) break;
      heap[index] = heap[child]!;
      index = child;
    }
    heap[index] = last;
  }
}

const before = (a: Task, b: Task) => a.at < b.at || (a.at === b.at && a.order < b.order);

setFlagsFromString('--allow-natives-syntax');
/** Does nothing inside a microtask: the run has to be started from a task of the real loop. */
const drainMicrotasks = new Function('%PerformMicrotaskCheckpoint()') as () => void;

let current: VirtualTime | null = null;

/** Which run the globals belong to. */
export function useTime(time: VirtualTime | null): void {
  current = time;
}

function timeNow(): VirtualTime {
  if (!current) throw new Error('there is no virtual time outside a run');
  return current;
}

class Timer {
  task: Task;
  constructor(task: Task) {
    this.task = task;
  }
  ref(): this {
    return this;
  }
  unref(): this {
    return this;
  }
}

/** Every clock and timer that production code may ask, for good: the process does nothing but simulate. */
export function installVirtualTime(random: () => number): void {
  const clear = (timer: unknown) => {
    if (timer instanceof Timer) timer.task.cancelled = true;
  };
  const setTimeout = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    const time = timeNow();
    return new Timer(time.after(Math.max(1, ms), time.actor, () => run(...args)));
  };
  const setInterval = (run: (...args: unknown[]) => void, ms = 0, ...args: unknown[]) => {
    const time = timeNow();
    const { actor } = time;
    const timer = new Timer(
      time.after(ms, actor, function again() {
        timer.task = time.after(ms, actor, again);
        run(...args);
      }),
    );
    return timer;
  };
  const timeout = (ms: number) => {
    const controller = new AbortController();
    setTimeout(() => controller.abort(new DOMException('The operation timed out', 'TimeoutError')), ms);
    return controller.signal;
  };
  Object.assign(globalThis, { setTimeout, setInterval, clearTimeout: clear, clearInterval: clear });
  Object.assign(Date, { now: () => epochMs + Math.floor(timeNow().now) + (timeNow().actor?.skewMs ?? 0) });
  Object.assign(performance, { now: () => timeNow().now });
  // The platform's own keeps one that is never aborted, and with it all its run, for good.
  const any = (signals: AbortSignal[]) => {
    const controller = new AbortController();
    for (const signal of signals) {
      if (signal.aborted) controller.abort(signal.reason);
      else signal.addEventListener('abort', () => controller.abort(signal.reason), { once: true });
    }
    return controller.signal;
  };
  Object.assign(AbortSignal, { timeout, any });
  Object.assign(Math, { random });
  Object.assign(crypto, {
    getRandomValues: (bytes: Uint8Array) => bytes.map(() => Math.floor(random() * 256)),
    randomUUID: () => `${Math.floor(random() * 2 ** 48).toString(16)}-${Math.floor(random() * 2 ** 48).toString(16)}`,
  });
}

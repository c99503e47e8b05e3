/** Acts about one thing, one after the other; acts about different things side by side. */
export interface Turns {
  run<T>(name: string, act: () => Promise<T>): Promise<T>;
  /** Resolves once all that has begun or waits now has ended. Never rejects. */
  settled(): Promise<void>;
  busy(): boolean;
}

export function createTurns(): Turns {
  /** Name → its latest act, without its error. */
  const latest = new Map<string, Promise<unknown>>();
  return {
    run: (name, act) => {
      const done = (latest.get(name) ?? Promise.resolve()).then(act);
      const settled = done.catch(() => {});
      latest.set(name, settled);
      void settled.then(() => {
        if (latest.get(name) === settled) latest.delete(name);
      });
      return done;
    },
    settled: async () => {
      await Promise.all([...latest.values()]);
    },
    busy: () => latest.size > 0,
  };
}

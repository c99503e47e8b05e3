/**
 * Keeps the answer to a costly question for `keepMs`, per database: who asks in between, or while it is being asked again,
 * gets the last one. Only values are kept: a promise would belong to the request that made it.
 */
export function keptAnswer<T>(keepMs: number): (db: D1Database, ask: () => Promise<T>) => Promise<T> {
  const kept = new WeakMap<D1Database, { askedAt: number; answer: { value: T } | null }>();
  return async (db, ask) => {
    const askedAt = Date.now();
    const last = kept.get(db);
    // A clock that was set back would keep it for as long.
    const isFresh = last !== undefined && Math.abs(askedAt - last.askedAt) < keepMs;
    if (isFresh && last.answer) return last.answer.value;
    const entry = { askedAt, answer: last?.answer ?? null };
    kept.set(db, entry);
    const value = await ask();
    entry.answer = { value };
    return value;
  };
}

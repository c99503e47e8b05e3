/**
 * Repeats a check at most once per `keepMs`, however often it is asked for: callers in between share the last answer, also
 * while it is being found out. A check that throws is not kept. `now`: milliseconds of any clock that does not jump back.
 */
export function sharedCheck<T>(check: () => Promise<T>, keepMs: number, now: () => number): () => Promise<T> {
  let last: { at: number; answer: Promise<T> } | null = null;
  return () => {
    const at = now();
    if (last && at - last.at < keepMs) return last.answer;
    const mine = { at, answer: check() };
    last = mine;
    mine.answer.catch(() => {
      if (last === mine) last = null;
    });
    return mine.answer;
  };
}

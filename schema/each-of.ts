/**
 * Runs `work` on all items, at most `atOnceMax` at a time; results in order. After a failure it starts no more, waits
 * for running work, then rejects with the first failure.
 */
export async function eachOf<T, R>(
  items: readonly T[],
  atOnceMax: number,
  work: (item: T) => Promise<R>,
): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  let failure: { error: unknown } | null = null;
  const worker = async () => {
    while (next < items.length && !failure) {
      const index = next++;
      try {
        results[index] = await work(items[index] as T);
      } catch (error) {
        failure ??= { error };
      }
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnceMax, items.length) }, worker));
  if (failure) throw (failure as { error: unknown }).error;
  return results;
}

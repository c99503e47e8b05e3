import { limits } from '../../schema/limits.ts';

/** All of them, `limits.drain.looksAtOnceMax` at a time; results in the order of the items. */
export async function eachOf<T, R>(items: readonly T[], work: (item: T) => Promise<R>): Promise<R[]> {
  const results: R[] = [];
  let next = 0;
  const worker = async () => {
    for (let index = next++; index < items.length; index = next++) results[index] = await work(items[index] as T);
  };
  await Promise.all(Array.from({ length: limits.drain.looksAtOnceMax }, worker));
  return results;
}

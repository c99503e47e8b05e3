const workers = 4;

/** Engines wait more than they work. Fails with the first failure, once the others are done. */
export async function inParallel<T>(items: T[], work: (item: T) => Promise<void>): Promise<void> {
  const queue = [...items];
  const next = async () => {
    for (let item = queue.shift(); item !== undefined; item = queue.shift()) await work(item);
  };
  const ends = await Promise.allSettled(Array.from({ length: workers }, next));
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
}

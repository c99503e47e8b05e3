/** Epoch milliseconds as RFC 3339. */
export const time = (at: number): string => new Date(at).toISOString();
export const timeOrNull = (at: number | null | undefined): string | null => (at == null ? null : time(at));

/** Null if it takes longer. */
export async function within<T>(ms: number, promise: Promise<T>): Promise<T | null> {
  let timer: ReturnType<typeof setTimeout> | null = null;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), ms);
  });
  return Promise.race([promise, late]).finally(() => timer && clearTimeout(timer));
}

/** Awaits each property, all at the same time; like `Promise.all`, with names. */
export async function allOf<T extends Record<string, unknown>>(parts: T): Promise<{ [K in keyof T]: Awaited<T[K]> }> {
  const entries = await Promise.all(Object.entries(parts).map(async ([name, part]) => [name, await part] as const));
  return Object.fromEntries(entries) as { [K in keyof T]: Awaited<T[K]> };
}

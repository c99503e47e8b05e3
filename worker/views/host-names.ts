type Names = ReadonlyMap<string, { name: string }>;
type Sides = { source_host_id: string; target_host_id: string };

/** Texts of what the saga says, in which "the source host" is the host's name: it knows hosts by their role only. */
export function withNames<T extends object>(texts: T, { source_host_id, target_host_id }: Sides, names: Names): T {
  const named = (text: string) =>
    text.replace(/\b[Tt]he (source|target) host\b/g, (role, side: string) => {
      const host = names.get(side === 'source' ? source_host_id : target_host_id);
      return host?.name ?? role;
    });
  const fields = Object.entries(texts).map(([key, value]) => [key, typeof value === 'string' ? named(value) : value]);
  return Object.fromEntries(fields) as T;
}

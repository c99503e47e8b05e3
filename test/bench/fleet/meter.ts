/** What all simulated hosts of one control plane did so far. Times are of `performance.now`. */
export interface Meter {
  /** Messages that reached the control plane's code: all but pings, which the platform answers. */
  messages: number;
  /** Questions to the control plane that were asked again. */
  repeated: number;
  /** The latest welcome of each host, by its id. */
  welcomedAt: Map<string, number>;
  /** What a host could not do. */
  faults: string[];
  /** The control plane has taken a host's last result of a migration. */
  tookLast(migrationId: string, at: number): void;
  /** When a migration had its last results of both hosts; null before. */
  endOf(migrationId: string): number | null;
}

export function newMeter(): Meter {
  const taken = new Map<string, number[]>();
  return {
    messages: 0,
    repeated: 0,
    welcomedAt: new Map(),
    faults: [],
    tookLast: (id, at) => void taken.set(id, [...(taken.get(id) ?? []), at]),
    endOf: (id) => {
      const times = taken.get(id) ?? [];
      return times.length < 2 ? null : Math.max(...times);
    },
  };
}

/** The most times that lie within one second. */
export function peakPerSecond(timesMs: number[]): number {
  const sorted = timesMs.toSorted((a, b) => a - b);
  let from = 0;
  return sorted.reduce((most, at, index) => {
    while (at - sorted[from]! >= 1_000) from += 1;
    return Math.max(most, index - from + 1);
  }, 0);
}

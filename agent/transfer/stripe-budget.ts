/** How many stripes the streams of one agent may have together. */
export interface StripeBudget {
  /** Returns how many of these it grants. */
  take(count: number): number;
  give(count: number): void;
}

export function createStripeBudget(max: number): StripeBudget {
  let left = max;
  return {
    take: (count) => {
      const granted = Math.min(count, left);
      left -= granted;
      return granted;
    },
    give: (count) => {
      left += count;
    },
  };
}

import { limits } from './limits.ts';

/** Counts of bytes with the time each was seen, oldest first: the window that a rate is taken over. */
export type ByteSamples = { at: number; bytes: number }[];

/** A count that falls began again, so what was seen before it tells nothing of the rate. */
export function withSample(samples: ByteSamples, at: number, bytes: number): ByteSamples {
  const last = samples.at(-1);
  const kept = last && bytes < last.bytes ? [] : samples.filter((one) => at - one.at <= limits.progress.rateWindowMs);
  return [...kept, { at, bytes }];
}

/** Bytes a second; null until there is enough of a window. */
export function rateOfSamples(samples: ByteSamples): number | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (!first || !last || last.at - first.at < limits.progress.rateWindowMsMin) return null;
  return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
}

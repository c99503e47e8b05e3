import { limits } from './limits.ts';

/** Cumulative byte counts with their times, oldest first: the measuring window of a rate. */
export type ByteSamples = { at: number; bytes: number }[];

/** Adds a sample. A falling count was restarted, so earlier samples are dropped. */
export function withSample(samples: ByteSamples, at: number, bytes: number): ByteSamples {
  const last = samples.at(-1);
  const kept = last && bytes < last.bytes ? [] : samples.filter((one) => at - one.at <= limits.progress.rateWindowMs);
  return [...kept, { at, bytes }];
}

/** Bytes per second, now: 0 once the last sample is too old. Null until the window is long enough. */
export function rateOfSamples(samples: ByteSamples, now: number): number | null {
  const [first, last] = [samples[0], samples.at(-1)];
  if (last && now - last.at >= limits.progress.rateStaleMs) return 0;
  if (!first || !last || last.at - first.at < limits.progress.rateWindowMsMin) return null;
  return ((last.bytes - first.bytes) * 1000) / (last.at - first.at);
}

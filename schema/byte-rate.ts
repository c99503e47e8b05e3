import { z } from 'zod';
import { limits } from './limits.ts';

const factors: Record<string, number> = { '': 1, K: 1e3, M: 1e6, G: 1e9 };

/** Parses a rate in bytes per second: `750000`, `500K`, `20M`, `20MB`, `1G`, powers of ten. */
export const byteRate = z
  .string()
  .regex(/^\d{1,12}(\.\d{1,3})?([KMG]B?)?$/i, 'must be bytes per second, as 500K, 20M or 1G')
  .transform((text) =>
    Math.round(Number.parseFloat(text) * (factors[text.replace(/[\d.]|b$/gi, '').toUpperCase()] ?? 1)),
  )
  .pipe(bytesPerSecond());

/** The API's form: an integer. */
export function bytesPerSecond() {
  const { bandwidthMin, bandwidthMax } = limits.stream;
  return z.number().int().min(bandwidthMin).max(bandwidthMax);
}

import { z } from 'zod';

/** Bounded, so that sums of reported values stay finite, even hostile ones. */
export const bytes = z.number().nonnegative().max(Number.MAX_SAFE_INTEGER);
export const portNumber = z.number().int().min(0).max(65_535);
/** A name, path or sentence that a host reports. */
export const name = z.string().max(4096);

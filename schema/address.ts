import { z } from 'zod';
import { limits } from './limits.ts';

export const port = z.coerce.number().int().min(0).max(65_535);

/** Parses `host:port` or `[v6]:port`. */
export const address = z
  .string()
  .regex(/^(\[[0-9a-fA-F:]+\]|[^\s:[\]]+):\d{1,5}$/, 'must be host:port')
  .transform((text) => {
    const colon = text.lastIndexOf(':');
    return { host: text.slice(0, colon).replace(/^\[|\]$/g, ''), port: Number(text.slice(colon + 1)) };
  })
  .refine(({ port: given }) => port.safeParse(given).success, 'the port must be at most 65535');
export type Address = z.infer<typeof address>;

/** Where a target says that the source of a migration finds it without a relay. None from the previous release. */
export const doorAddresses = z
  .array(z.object({ host: z.string().min(1).max(255), port: z.number().int().min(1).max(65_535) }))
  .max(limits.direct.addressesMax)
  .default([]);

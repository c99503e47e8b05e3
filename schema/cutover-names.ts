import { z } from 'zod';
import { limits } from './limits.ts';

/** Names by which clients find a stack: DNS records that are pointed at the host on which it runs. */

const label = '[a-z0-9_]([a-z0-9_-]{0,61}[a-z0-9_])?';
const zoneName = new RegExp(`^(${label}\\.)+${label}$`);
const recordName = new RegExp(`^(\\*\\.)?(${label}\\.)+${label}$`);

/** `ZONE/NAME`. Internationalised names as their ASCII form. */
export const cutoverName = z.string().max(limits.names.charsMax).toLowerCase().refine(isCutoverName, {
  error:
    'Use ZONE/NAME, a zone at Cloudflare and a whole name in it: "example.com/shop.example.com", "example.com/example.com".',
});

export const cutoverNames = z
  .array(cutoverName)
  .max(limits.names.namesMax)
  .refine((all) => new Set(all).size === all.length, { error: 'names one record twice' });

export const zoneAndName = z.object({ zone: z.string().max(253), name: z.string().max(253) });
export type ZoneAndName = z.infer<typeof zoneAndName>;

export function partsOf(text: string): ZoneAndName {
  const [zone = '', name = ''] = text.split('/');
  return { zone, name };
}

function isCutoverName(text: string): boolean {
  const { zone, name } = partsOf(text);
  const isLong = zone.length > 253 || name.length > 253 || text.split('/').length !== 2;
  if (isLong || !zoneName.test(zone) || !recordName.test(name)) return false;
  return name === zone || name.endsWith(`.${zone}`);
}

export const addressTypes = ['A', 'AAAA'] as const;
export type AddressType = (typeof addressTypes)[number];
const address = z.string().max(64);
const why = z.string().max(500);

/**
 * What became of one record, or of a name that has none to change (`type` null). `left`: why it stays as it is.
 * `failed`: why it could not be changed yet.
 */
export const pointedRecord = z.object({
  name: z.string().max(253),
  type: z.enum(addressTypes).nullable(),
  from: address.nullable(),
  to: address.nullable(),
  left: why.nullable().default(null),
  failed: why.nullable().default(null),
});
export type PointedRecord = z.infer<typeof pointedRecord>;
export const pointedRecords = z.array(pointedRecord).max(limits.names.namesMax * limits.names.recordsMax * 2);

/** A name as it is now. `fault`: why its record could not be changed; null if it could. */
const foundName = z.object({
  name: z.string().max(253),
  ttl_s: z.number().int().nonnegative().max(limits.names.ttlSMax).nullable(),
  addresses: z.array(address).max(limits.names.addressesToldMax),
  /** Clients see Cloudflare's addresses, which stay. */
  proxied: z.boolean().default(false),
  fault: why.nullable(),
});
export type FoundName = z.infer<typeof foundName>;

/** What an agent can do about names; `found`: of those that it was asked about. */
export const nameFacts = z.object({
  token: z.boolean(),
  /** Where clients find this host, as its operator says. */
  addresses: z.array(address).max(limits.names.addressesMax),
  found: z.array(foundName).max(limits.names.namesMax).default([]),
});
export type NameFacts = z.infer<typeof nameFacts>;

import { isIP } from 'node:net';
import type { AddressType, FoundName, NameFacts, ZoneAndName } from '../../schema/cutover-names.ts';
import { errorMessageOf, StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { type AddressRecord, type Cloudflare, createCloudflare } from './cloudflare.ts';
import { type LookUp, lookUp } from './lookup.ts';

/** Names of clients, and what leads them to this host. */
export interface HostNames extends Cloudflare {
  /** For a pre-flight: what this agent can do, and how the names are now. */
  facts(names: ZoneAndName[], signal: AbortSignal): Promise<NameFacts>;
  /** Where clients find this host. Throws `command_failed` if its operator did not say. */
  addressFor(type: AddressType): string;
}

interface Options {
  /** Null if there is none, or it can't be read. */
  token: () => Promise<string | null>;
  /** At most one of each family. */
  addresses: readonly string[];
  api?: string;
  look?: LookUp;
}

export function createHostNames({ token, addresses, api, look = lookUp }: Options): HostNames {
  const cloudflare = createCloudflare(async () => {
    const known = await token();
    if (known !== null) return known;
    throw new StackferryError(
      'command_failed',
      'This host’s agent has no token of Cloudflare: start it with --cloudflare-token-file FILE.',
    );
  }, api);
  const addressFor = (type: AddressType): string => {
    const found = addresses.find((one) => isIP(one) === (type === 'A' ? 4 : 6));
    if (found !== undefined) return found;
    throw new StackferryError(
      'command_failed',
      `It has an ${type} record, and this host’s agent was started without an ${type === 'A' ? 'IPv4' : 'IPv6'} address (--public-address).`,
    );
  };
  const recordsOrWhy = async (name: ZoneAndName, signal: AbortSignal) => {
    try {
      const records = await cloudflare.records(name, signal);
      for (const { type } of records) addressFor(type);
      return { records, fault: null };
    } catch (error) {
      return { records: [], fault: errorMessageOf(error).slice(0, 500) };
    }
  };
  return {
    ...cloudflare,
    addressFor,
    facts: async (names, signal) => {
      const able = { token: (await token()) !== null, addresses: [...addresses] };
      const canChange = able.token && addresses.length > 0;
      const inTime = AbortSignal.any([signal, AbortSignal.timeout(limits.names.callMsMax)]);
      const found = await Promise.all(
        names.map(async (name): Promise<FoundName> => {
          const [seen, { records, fault }] = await Promise.all([
            look(name),
            canChange ? recordsOrWhy(name, inTime) : { records: [], fault: null },
          ]);
          const ofApi = { ttl_s: ttlOf(records), addresses: records.map(({ content }) => content) };
          const known = seen.ttl_s === null ? ofApi : seen;
          return { name: name.name, ...known, proxied: records.some(({ proxied }) => proxied), fault };
        }),
      );
      return { ...able, found };
    },
  };
}

/** Cloudflare's 1 is "automatic". */
function ttlOf(records: AddressRecord[]): number | null {
  if (records.length === 0) return null;
  return Math.max(...records.map(({ ttl }) => (ttl === 1 ? 300 : Math.trunc(ttl))));
}

/** For agents that point no names. */
export const noNames: HostNames = createHostNames({ token: async () => null, addresses: [] });

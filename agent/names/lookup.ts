import { Resolver } from 'node:dns/promises';
import type { FoundName, ZoneAndName } from '../../schema/cutover-names.ts';
import { limits } from '../../schema/limits.ts';

export type Seen = Pick<FoundName, 'ttl_s' | 'addresses'>;
export type LookUp = (name: ZoneAndName) => Promise<Seen>;

/** `first`: in place of this host's; `port`: of a zone's own. */
interface Servers {
  first?: string[];
  port?: number;
}

const unseen: Seen = { ttl_s: null, addresses: [] };

/**
 * The name's addresses, and for how long clients may keep them: by the zone's own name servers, since others tell only what
 * is left of it. By this host's if those can't be asked. Never throws; unknown after a few seconds.
 */
export async function lookUp({ zone, name }: ZoneAndName, { first = [], port = 53 }: Servers = {}): Promise<Seen> {
  const resolvers: Resolver[] = [];
  const resolver = (servers: string[] = []) => {
    const one = new Resolver({ timeout: limits.names.lookupMsMax / 4, tries: 1 });
    if (servers.length > 0) one.setServers(servers);
    resolvers.push(one);
    return one;
  };
  const found = async (): Promise<Seen> => {
    const own = resolver(first);
    const servers = await serversOf(own, zone);
    const seen = servers.length > 0 ? await askedOf(resolver(servers.map((one) => `${one}:${port}`)), name) : unseen;
    return seen.ttl_s === null ? askedOf(own, name) : seen;
  };
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<Seen>((resolve) => {
    timer = setTimeout(() => resolve(unseen), limits.names.lookupMsMax);
  });
  try {
    return await Promise.race([found().catch(() => unseen), late]);
  } finally {
    clearTimeout(timer);
    for (const one of resolvers) one.cancel();
  }
}

/** Addresses of the name servers of a zone; none if they can't be found. */
async function serversOf(resolver: Resolver, zone: string): Promise<string[]> {
  const names = await resolver.resolveNs(zone).catch(() => []);
  const found = await Promise.all(names.slice(0, serversMax).map((name) => resolver.resolve4(name).catch(() => [])));
  return found.flatMap(([first]) => (first === undefined ? [] : [first]));
}

const serversMax = 3;

async function askedOf(resolver: Resolver, name: string): Promise<Seen> {
  const ttl = { ttl: true } as const;
  const asked = [resolver.resolve4(name, ttl), resolver.resolve6(name, ttl)].map((one) => one.catch(() => []));
  const records = (await Promise.all(asked)).flat();
  if (records.length === 0) return unseen;
  return {
    ttl_s: Math.min(limits.names.ttlSMax, Math.max(...records.map((record) => record.ttl))),
    addresses: records.map(({ address }) => address).slice(0, limits.names.addressesToldMax),
  };
}

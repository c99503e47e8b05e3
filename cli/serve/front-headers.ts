/** A request that reached the front. Pure code here decides which of its headers reach the Worker. */
export interface Arrived {
  /** As received: name, value, name, value. */
  rawHeaders: string[];
  /** Origin-form or absolute: `/api/v1/hosts?limit=1`. */
  target: string;
  /** Address of the socket's other end. */
  peer: string;
  /** True if this connection uses TLS. */
  encrypted: boolean;
}

export interface FrontRules {
  publicUrl: string;
  /** Trust X-Forwarded-For and X-Forwarded-Proto. */
  trustProxy: boolean;
}

export interface Forwarded {
  path: string;
  headers: string[];
}

/**
 * Returns null for the platform's own paths, which serve development tools.
 *
 * A client cannot set `cf-connecting-ip`, its address as this front or a trusted proxy saw it, nor `mf-original-url`,
 * which the Worker takes for the requested URL.
 */
export function forwarded({ rawHeaders, target, peer, encrypted }: Arrived, rules: FrontRules): Forwarded | null {
  const given = headerPairs(rawHeaders);
  const value = (name: string) => given.findLast(([given]) => given.toLowerCase() === name)?.[1];
  const path = pathOf(target);
  if (path === null || /^\/+cdn-cgi(\/|$|\?)/i.test(path)) return null;
  const proto = rules.trustProxy ? value('x-forwarded-proto')?.split(',').at(-1)?.trim() : undefined;
  const client = rules.trustProxy ? value('x-forwarded-for')?.split(',').at(-1)?.trim() : undefined;
  const host = value('host') ?? '';
  const kept = given.filter(([name]) => !withheld.test(name));
  const added: [string, string][] = [
    ['cf-connecting-ip', plainAddress(client || peer)],
    ['mf-original-url', `${originAsked(host, proto, encrypted, rules.publicUrl)}${path}`],
  ];
  return { path, headers: [...kept, ...added].flat() };
}

/** Normalizes the path. The result is both checked and forwarded, so the two cannot differ. */
function pathOf(target: string): string | null {
  const text = target.startsWith('/') ? `http://front${target}` : target;
  if (!URL.canParse(text)) return null;
  const { pathname, search } = new URL(text);
  return `${pathname}${search}`;
}

/** The public host keeps the public URL's scheme: a proxy may not report one. */
function originAsked(host: string, proto: string | undefined, encrypted: boolean, publicUrl: string): string {
  const known = new URL(publicUrl);
  if (host === known.host) return known.origin;
  const scheme = proto === 'https' || (proto === undefined && encrypted) ? 'https' : 'http';
  const asked = `${scheme}://${host}`;
  return URL.canParse(asked) ? new URL(asked).origin : known.origin;
}

/** Hop-by-hop headers, and those that only the platform or a proxy may set. */
const withheld =
  /^(connection|keep-alive|proxy-.*|te|trailer|transfer-encoding|upgrade|cf-.*|(x-)?mf-.*|forwarded|x-forwarded-.*|x-real-ip)$/i;

/** A dual-stack socket reports an IPv4 client by its mapped address. */
const plainAddress = (address: string) => address.replace(/^::ffff:(?=\d+\.)/i, '');

function headerPairs(raw: string[]): [string, string][] {
  return Array.from({ length: raw.length / 2 }, (_, at) => [raw[2 * at]!, raw[2 * at + 1]!]);
}

import type { Context } from 'hono';

/** The client address as seen by the platform, or null. Without Cloudflare in front, a client can forge it. */
export function clientAddress(c: Pick<Context, 'req'>): string | null {
  return c.req.header('cf-connecting-ip')?.slice(0, 64) ?? null;
}

/** The rate-limit key of a client: an IPv6 subscriber has a whole /64. */
export function addressKey(c: Pick<Context, 'req'>): string {
  const address = clientAddress(c) ?? 'unknown';
  return address.includes(':') ? `${address.split('::')[0]?.split(':').slice(0, 4).join(':')}::/64` : address;
}

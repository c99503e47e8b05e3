import type { Context } from 'hono';

/** As the platform saw it; behind anything but Cloudflare a client can write what it likes here. Null where it is not told. */
export function clientAddress(c: Pick<Context, 'req'>): string | null {
  return c.req.header('cf-connecting-ip')?.slice(0, 64) ?? null;
}

/** What one client is counted by: an IPv6 subscriber has a whole /64 to send from. */
export function addressKey(c: Pick<Context, 'req'>): string {
  const address = clientAddress(c) ?? 'unknown';
  return address.includes(':') ? `${address.split('::')[0]?.split(':').slice(0, 4).join(':')}::/64` : address;
}

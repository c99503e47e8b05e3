import type { Context } from 'hono';
import type { Authed } from './bearer.ts';

/** As the platform saw it; behind anything but Cloudflare a client can write what it likes here. Null where it is not told. */
export function clientAddress(c: Context<Authed>): string | null {
  return c.req.header('cf-connecting-ip')?.slice(0, 64) ?? null;
}

/** What one client is counted by: an IPv6 subscriber has a whole /64 to send from. */
export function addressKey(c: Context<Authed>): string {
  const address = clientAddress(c) ?? 'unknown';
  return address.includes(':') ? `${address.split('::')[0]?.split(':').slice(0, 4).join(':')}::/64` : address;
}

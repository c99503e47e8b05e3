import { expect, it } from 'vitest';
import { lookUp } from '../../../agent/names/lookup.ts';
import { limits } from '../../../schema/limits.ts';
import { nameServer } from '../../support/name-server.ts';

const name = { zone: 'example.com', name: 'shop.example.com' };
const shop = (ttl: number) => ({ 'shop.example.com': [{ type: 'A' as const, ttl, data: '192.0.2.10' }] });
const delegation = {
  'example.com': [{ type: 'NS' as const, ttl: 60, data: 'ns.example.net' }],
  'ns.example.net': [{ type: 'A' as const, ttl: 60, data: '127.0.0.2' }],
};

it('tells the whole TTL, by the zone’s own servers, not what is left of it at a cache', async () => {
  const port = await nameServer('127.0.0.1', { ...delegation, ...shop(17) });
  await nameServer('127.0.0.2', shop(300), port);
  const seen = await lookUp(name, { first: [`127.0.0.1:${port}`], port });
  expect(seen).toEqual({ ttl_s: 300, addresses: ['192.0.2.10'] });
});

it('asks this host’s server if the zone’s own can’t be asked', async () => {
  const port = await nameServer('127.0.0.1', { ...delegation, ...shop(17) });
  await nameServer('127.0.0.2', 'silent', port);
  expect(await lookUp(name, { first: [`127.0.0.1:${port}`], port })).toMatchObject({ ttl_s: 17 });
  const alone = await nameServer('127.0.0.1', shop(17));
  expect(await lookUp(name, { first: [`127.0.0.1:${alone}`] })).toMatchObject({ ttl_s: 17 });
});

it('knows nothing where nobody answers, in time', async () => {
  const port = await nameServer('127.0.0.1', 'silent');
  const begun = Date.now();
  expect(await lookUp(name, { first: [`127.0.0.1:${port}`] })).toEqual({ ttl_s: null, addresses: [] });
  expect(Date.now() - begun).toBeLessThan(limits.names.lookupMsMax + 1_000);
});

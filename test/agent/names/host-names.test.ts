import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { createHostNames } from '../../../agent/names/host-names.ts';
import type { Seen } from '../../../agent/names/lookup.ts';
import { tokenIn } from '../../../agent/names/token-file.ts';
import { createLog } from '../../../node/log.ts';
import { nameFacts } from '../../../schema/cutover-names.ts';
import { cloudflareApi, recordOf, type TestRecord, testToken } from '../../support/cloudflare-api.ts';
import { temporaryDirectory } from '../temporary.ts';

const name = { zone: 'example.com', name: 'shop.example.com' };
const signal = () => AbortSignal.timeout(10_000);
const seen: Seen = { ttl_s: 300, addresses: ['192.0.2.10'] };
const unseen: Seen = { ttl_s: null, addresses: [] };

async function host(records: TestRecord[], { token = testToken, addresses = ['192.0.2.20'], look = seen } = {}) {
  const cloudflare = await cloudflareApi('example.com', records);
  const names = createHostNames({
    ...{ addresses, api: cloudflare.api },
    token: async () => token,
    look: async () => look,
  });
  const factsOf = async (of = name) => nameFacts.parse(await names.facts([of], signal()));
  return { cloudflare, names, factsOf };
}

describe('what a pre-flight learns of a name', () => {
  it('is its TTL and addresses, and that its record can be changed', async () => {
    const { factsOf, cloudflare } = await host([recordOf()]);
    const found = [{ name: 'shop.example.com', ...seen, proxied: false, fault: null }];
    expect(await factsOf()).toEqual({ token: true, addresses: ['192.0.2.20'], found });
    expect(cloudflare.changes(), 'it only reads').toEqual([]);
  });

  it('comes from the record if name servers say nothing, automatic being 300 s', async () => {
    for (const [ttl, ttl_s] of [
      [120, 120],
      [1, 300],
    ] as const) {
      const { factsOf } = await host([recordOf({ ttl })], { look: unseen });
      expect((await factsOf()).found).toMatchObject([{ ttl_s, addresses: ['192.0.2.10'] }]);
    }
  });

  it.each<[string, TestRecord[], Partial<typeof name>, RegExp]>([
    ['a zone that the token does not see', [recordOf()], { zone: 'example.org' }, /sees no zone example\.org/],
    ['no record', [], {}, /zone example\.com has no A or AAAA record shop\.example\.com/],
    ['several records', [recordOf(), recordOf({ id: 'rec2' })], {}, /has 2 A records/],
    ['a CNAME', [recordOf({ type: 'CNAME', content: 'a.example.net' })], {}, /is a CNAME record/],
    ['no address of the family', [recordOf({ type: 'AAAA', content: '2001:db8::1' })], {}, /without an IPv6 address/],
  ])('names the fault: %s', async (_what, records, over, words) => {
    const { factsOf } = await host(records);
    expect((await factsOf({ ...name, ...over })).found[0]?.fault).toMatch(words);
  });

  it('names no fault where there is nothing to change it with, and asks nobody', async () => {
    const { names, factsOf, cloudflare } = await host([], { addresses: [] });
    expect((await factsOf()).found).toMatchObject([{ ttl_s: 300, fault: null }]);
    expect(cloudflare.calls).toEqual([]);
    expect(() => names.addressFor('A')).toThrow('--public-address');
  });
});

describe('a token', () => {
  it.each([
    [403, 10000, 'Authentication error', /^The token may not change the record \(it needs Zone → Zone → Read and/],
    [429, 971, 'slow down', /^Cloudflare asks for a pause/],
    [503, 1, 'maintenance', /^Cloudflare answers 503 when asked to change the record: maintenance/],
  ])('refused with %s: is told in clear words', async (status, code, message, words) => {
    const { cloudflare, names } = await host([recordOf()]);
    cloudflare.script.answer = (method) => (method === 'PATCH' ? cloudflare.refused(status, code, message) : null);
    await expect(names.change({ zone_id: 'z', record_id: 'r' }, '192.0.2.20', signal())).rejects.toThrow(words);
  });

  it('that is not known is told so, and is in no error, even one that repeats it', async () => {
    const wrong = 'wrong-Token.0123456789';
    const { names, cloudflare } = await host([recordOf()], { token: wrong });
    await expect(names.records(name, signal())).rejects.toThrow('Cloudflare does not know the token');
    const { cloudflare: other, names: own } = await host([recordOf()]);
    other.script.answer = () => other.refused(400, 6003, `bad header Bearer ${testToken}`);
    const error = await own.records(name, signal()).catch((thrown: Error) => thrown);
    expect(String(error)).toContain('bad header Bearer ***');
    cloudflare.close();
    const gone = await names.records(name, signal()).catch((thrown: Error) => thrown);
    expect(String(gone)).not.toContain(wrong);
  });

  it('is read from its file for each use, and never logged', async () => {
    const lines: string[] = [];
    const log = createLog((line) => lines.push(line));
    const path = join(await temporaryDirectory(), 'token');
    const read = tokenIn(path, log);
    expect(await read(), 'no file yet').toBeNull();
    await writeFile(path, `${testToken}\n`);
    expect(await read()).toBe(testToken);
    log.info(`a header says Bearer ${testToken}`);
    await writeFile(path, 'two words');
    expect(await read()).toBeNull();
    await writeFile(path, 'another-token');
    expect(await read()).toBe('another-token');
    expect(lines.join('\n')).toContain(path);
    expect(lines.join('\n')).not.toContain(testToken);
    expect(await tokenIn(null, log)()).toBeNull();
  });

  it('an answer without end is cut off', async () => {
    const { cloudflare, names } = await host([recordOf()]);
    cloudflare.script.answer = () => [200, { success: true, errors: [], result: 'x'.repeat(2_000_000) }];
    await expect(names.records(name, signal())).rejects.toThrow('its answer is too long');
  });
});

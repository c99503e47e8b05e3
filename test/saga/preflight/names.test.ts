import { expect, it } from 'vitest';
import type { NameFacts } from '../../../schema/cutover-names.ts';
import { moveOptionsOf } from '../../../schema/move-options.ts';
import type { Report } from '../../../schema/preflight-report.ts';
import { judge } from '../../../worker/saga/preflight/judge.ts';
import { facts } from './spoilt-facts.ts';
import { foundName } from './well-facts.ts';

const asked = ['example.com/shop.example.com'];
const able: NameFacts = { token: true, addresses: ['192.0.2.20'], found: [foundName] };

const judged = (names: NameFacts | null, cutover_dns = asked): Report =>
  judge(
    facts((well) => {
      Object.assign(well.rest.inputs, { cutover_dns });
      well.target.names = names;
      well.source.names = null;
    }),
  );
const said = (report: Report) => report.checks.find(({ name }) => name === 'engine_compatible');

it('passes where the target’s agent can do it, and says how long clients may use the old address', () => {
  const { passed, notes } = judged(able);
  expect(passed).toBe(true);
  expect(notes).toContain(
    'shop.example.com (now 192.0.2.10) has a TTL of 300 s: clients may use the old address that long.',
  );
});

it.each<[string, NameFacts | null, string]>([
  ['is too old', null, 'The agent of "new" is too old to point names at its host: update it'],
  ['has no token', { ...able, token: false }, 'has no token of Cloudflare: start it with --cloudflare-token-file FILE'],
  ['has no address', { ...able, addresses: [] }, 'start it with --public-address IP'],
  [
    'finds a fault',
    { ...able, found: [{ ...foundName, fault: 'The token sees no zone example.com' }] },
    'Names can’t be pointed at "new". shop.example.com: The token sees no zone example.com',
  ],
])('refuses a target whose agent %s, and only if names were asked for', (_what, names, words) => {
  expect(said(judged(names))).toMatchObject({ status: 'fail', detail: expect.stringContaining(words) });
  expect(judged(names, []).passed).toBe(true);
});

it('says what it does not know, and what needs no wait', () => {
  const unseen = judged({ ...able, found: [{ ...foundName, ttl_s: null, addresses: [] }] });
  expect(unseen.passed, 'no refusal').toBe(true);
  expect(unseen.notes.join()).toContain('shop.example.com could not be looked up');
  const proxied = judged({ ...able, found: [{ ...foundName, proxied: true }] });
  expect(proxied.notes.join()).toContain('is proxied by Cloudflare');
  expect(judged(able, []).notes.join()).not.toContain('TTL');
});

it.each([
  ['shop.example.com', false],
  ['example.com/shop.example.com', true],
  ['example.com/example.com', true],
  ['Example.com/Shop.Example.com', true],
  ['example.com/*.example.com', true],
  ['example.com/shop.example.org', false],
  ['example.com/notexample.com', false],
  ['example.com/a.example.com/b', false],
  ['com/a b.com', false],
  ['example.com/../zones', false],
])('takes %s for a name: %s', (text, isOne) => {
  const read = () => moveOptionsOf({ cutover_dns: [text] }).cutover_dns;
  if (isOne) expect(read()).toEqual([text.toLowerCase()]);
  else expect(read).toThrow('ZONE/NAME');
});

it('takes no record twice, and at most ten', () => {
  expect(() => moveOptionsOf({ cutover_dns: [asked[0]!, asked[0]!.toUpperCase()] })).toThrow('twice');
  const many = (count: number) => Array.from({ length: count }, (_, at) => `example.com/n${at}.example.com`);
  expect(() => moveOptionsOf({ cutover_dns: many(11) })).toThrow();
  expect(moveOptionsOf({ cutover_dns: many(10) }).cutover_dns).toHaveLength(10);
});

import { env } from 'cloudflare:workers';
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { connect, dial, hello, taken } from './support/agent.ts';
import { twoHosts } from './support/hosts.ts';
import { type JoinedNode, join } from './support/node.ts';
import { summaryOf } from './support/records.ts';

/** The hosts are counted anew after it. */
let now = Date.now();
const later = () => {
  now += limits.control.hostCountKeepMs;
  vi.setSystemTime(now);
};
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['Date'], now });
  later();
});
afterEach(() => void vi.useRealTimers());

/** Hosts that have not joined yet. */
const addHosts = (count: number, state: 'there' | 'deleted' = 'there') =>
  env.DB.prepare(
    `INSERT INTO node (id, kind, name, created_at, deleted_at) WITH RECURSIVE n(i) AS
      (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < ?1) SELECT ?2 || i, 'host', ?2 || i, 0, ?3 FROM n`,
  )
    .bind(count, state, state === 'there' ? null : 1)
    .run();

const welcomeOf = async (node: JoinedNode) => {
  const agent = await dial(node);
  agent.say(hello(node));
  return { agent, spread: (await agent.take('welcome')).return_spread_ms };
};

it('C14 a host is told at its welcome how long the fleet takes to come back, by its size; a relay comes at once', async () => {
  const { admin, a, b } = await twoHosts();
  expect((await welcomeOf(a)).spread).toBe(5_000);
  await addHosts(5_000, 'deleted');
  await addHosts(998);
  // Counted once a minute at most, of a fleet that all comes back at once.
  expect((await welcomeOf(b)).spread).toBe(5_000);
  later();
  expect((await welcomeOf(b)).spread).toBe(25_000);
  expect((await welcomeOf(await join(admin, 'relay', 'r'))).spread).toBeNull();
});

it('C14 a connected host is told again once the fleet has grown, and only then', async () => {
  const { a } = await twoHosts();
  const agent = await connect(a);
  const report = async (name: string) => {
    later();
    agent.say({ type: 'inventory', stacks: [summaryOf(name)], leftovers: [] });
    await taken(agent);
    return agent.got.filter(({ type }) => type === 'return_spread');
  };
  await addHosts(238);
  expect(await report('one')).toEqual([]);
  await addHosts(758, 'deleted');
  expect(await report('two')).toEqual([]);
  await env.DB.prepare("UPDATE node SET deleted_at = NULL WHERE name LIKE 'deleted%'").run();
  const told = { type: 'return_spread', return_spread_ms: 24_950 };
  expect(await report('three')).toEqual([told]);
  expect(await report('four')).toEqual([told]);
});

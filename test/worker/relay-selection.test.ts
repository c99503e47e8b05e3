import { evictDurableObject } from 'cloudflare:test';
import { env } from 'cloudflare:workers';
import { describe, expect, it, vi } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { RelaySelection } from '../../worker/saga/relay-selection.ts';
import { loadedRelays } from '../../worker/store/relays.ts';
import { hostFacts } from '../saga/preflight/well-facts.ts';
import { connect, dial, hello, waiting } from './support/agent.ts';
import { bindings } from './support/api.ts';
import { twoHosts, underWay } from './support/hosts.ts';
import { join } from './support/node.ts';

const relays = ['r1', 'r2', 'r3'].map((id) => ({ id, host: 'relay', port: 7400, load: null, rtt_ms: null }));
const { resources } = hostFacts();
const without = (...ids: string[]) => relays.filter(({ id }) => !ids.includes(id));

describe('the choice of a relay', () => {
  it('one that either side could not reach is left alone by both, for a time', () => {
    const choice = new RelaySelection();
    const first = choice.choose('m', relays, [], 0)!.id;
    const second = choice.choose('m', relays, [first], 1_000)!.id;
    expect(second).not.toBe(first);
    expect(choice.choose('m', relays, [], 2_000)?.id).toBe(second);
    const third = choice.choose('m', relays, [second], 3_000)!.id;
    expect([first, second]).not.toContain(third);
    expect(choice.choose('m', without(third), [], 1_000 + limits.relay.unreachableKeepMs)?.id).toBe(first);
  });

  it('a relay that comes back does not part the two sides: both stay with the one chosen meanwhile', () => {
    const choice = new RelaySelection();
    const first = choice.choose('m', relays, [], 0)!.id;
    const second = choice.choose('m', without(first), [], 1_000)!.id;
    expect(choice.choose('m', relays, [], 2_000)?.id).toBe(second);
    expect(choice.choose('m', without(second), [], 3_000)?.id).not.toBe(second);
  });

  it('where every relay failed one of the sides, the one that failed the longest ago is tried', () => {
    const choice = new RelaySelection();
    choice.choose('m', relays, ['r2'], 0);
    choice.choose('m', relays, ['r3'], 1_000);
    expect(choice.choose('m', relays, ['r1'], 2_000)?.id).toBe('r2');
    expect(choice.choose('m', relays, [], 2_500)?.id).toBe('r2');
    expect(choice.choose('m', without('r2'), [], 3_000)?.id).toBe('r3');
  });

  it('after a loss of memory, the relays that a side reports as unreachable lead to the same choice', () => {
    const before = new RelaySelection();
    const first = before.choose('m', relays, [], 0)!.id;
    const second = before.choose('m', relays, [first], 1_000)!.id;
    const after = new RelaySelection();
    expect(after.choose('m', relays, [], 2_000)?.id).toBe(first);
    expect(after.choose('m', relays, [first], 3_000)?.id).toBe(second);
    expect(after.choose('m', relays, [], 4_000)?.id).toBe(second);
  });

  it('what one migration met says nothing about another of the stack, each keeps its own, and no relay is none', () => {
    const choice = new RelaySelection();
    const first = choice.choose('m', relays, [], 0)!.id;
    const second = choice.choose('m', relays, [first], 1_000)!.id;
    const other = choice.choose(
      'other',
      relays,
      relays.map(({ id }) => id).filter((id) => id !== first),
      2_000,
    )!.id;
    expect(other).toBe(first);
    expect(choice.choose('m', relays, [], 3_000)?.id).toBe(second);
    expect(choice.choose('other', relays, [], 3_000)?.id).toBe(first);
    expect(choice.choose('m', [], ['r1'], 4_000)).toBeNull();
  });

  it('a migration keeps its relay however busy that gets, also after a loss of memory, until it is gone', () => {
    const busy = (id: string) =>
      relays.map((relay) => ({ ...relay, load: { sessions: relay.id === id ? 200 : 0, bytes_per_s: 0 } }));
    const before = new RelaySelection();
    const first = before.choose('m', relays, [], 0)!.id;
    expect(before.choose('m', busy(first), [], 1_000)?.id).toBe(first);
    const after = new RelaySelection(structuredClone(before.chosen));
    expect(after.choose('m', busy(first), [], 2_000)?.id).toBe(first);
    expect(
      after.choose(
        'm',
        busy(first).filter(({ id }) => id !== first),
        [],
        3_000,
      )?.id,
    ).not.toBe(first);
  });

  it('remembers some migrations of a stack, not all that it ever had', () => {
    const choice = new RelaySelection();
    for (let n = 0; n < 3 * limits.relay.chosenMax; n++) choice.choose(`m${n}`, relays, [], n);
    expect(choice.chosen).toHaveLength(limits.relay.chosenMax);
    expect(choice.chosen[0]?.migration_id).toBe(`m${3 * limits.relay.chosenMax - 1}`);
  });
});

describe('two hosts that ask at different moments', () => {
  it('F14 get tickets for one relay, another than the one which the first of them could not reach', async () => {
    const { admin, a, b } = await twoHosts();
    for (const name of ['r1', 'r2']) await connect(await join(admin, 'relay', name));
    const { migration } = await underWay(a, b);
    const [source, target] = [await connect(a), await connect(b)];
    const ask = async (agent: typeof source, unreachable?: string[]) => {
      const payload = { migration_id: migration, lane: 'v0', ...(unreachable ? { unreachable } : {}) };
      agent.say({ type: 'ask', ask_id: '1', kind: 'ticket', payload });
      const { outcome } = await agent.take('reply');
      return outcome.ok ? (outcome.data as { relay: { id: string } }).relay.id : outcome.error.code;
    };
    const first = await ask(source);
    expect(await ask(target)).toBe(first);
    const second = await ask(target, [first]);
    expect(second).not.toBe(first);
    expect(await ask(source)).toBe(second);
    expect(await ask(source, Array(limits.relay.unreachableMax + 1).fill('x'))).toBe('invalid_request');
  });
});

describe('relays that say what they carry', () => {
  it('the idle one is chosen, for both sides, and stays although it is the busy one when the object wakes again', async () => {
    const { admin, a, b } = await twoHosts();
    const named = await Promise.all(['r1', 'r2'].map((name) => join(admin, 'relay', name)));
    const [one, two] = [await connect(named[0]!), await connect(named[1]!)];
    const carry = async (sessions: [number, number]) => {
      for (const [agent, count] of [[one, sessions[0]] as const, [two, sessions[1]] as const])
        agent.say({ type: 'metrics', resources, load: { sessions: count, bytes_per_s: 0 } });
      await vi.waitFor(async () => {
        const loads = (await loadedRelays(bindings)).map(({ load }) => load?.sessions);
        expect(loads.sort()).toEqual([...sessions].sort());
      }, waiting);
    };
    await carry([1_000_000, 0]);
    const { migration } = await underWay(a, b);
    const [source, target] = [await connect(a), await connect(b)];
    const relayOf = async (agent: typeof source) => {
      agent.say({ type: 'ask', ask_id: '1', kind: 'ticket', payload: { migration_id: migration, lane: 'v0' } });
      return ((await agent.take('reply')).outcome as { data: { relay: object } }).data.relay;
    };
    const idle = { id: named[1]!.id, host: '127.0.0.1', port: 22067 };
    expect(await relayOf(source)).toEqual(idle);
    await carry([0, 1_000_000]);
    const { stack_id } = (await env.DB.prepare('SELECT stack_id FROM migration').first<{ stack_id: string }>())!;
    await evictDurableObject(env.STACK_MIGRATION.get(env.STACK_MIGRATION.idFromName(stack_id)));
    expect(await relayOf(target)).toEqual(idle);
  });
});

describe('a target that others can reach without a relay', () => {
  it('goes to the source with the ticket for the relay; the target gets none', async () => {
    const { admin, a, b } = await twoHosts();
    await connect(await join(admin, 'relay', 'r1'));
    const { migration } = await underWay(a, b);
    const source = await connect(a);
    const target = await dial(b);
    const address = { host: '10.0.0.9', port: 7500 };
    target.say({ ...hello(b), address } as ReturnType<typeof hello>);
    await target.take('welcome');
    const ticketOf = async (agent: typeof source) => {
      agent.say({ type: 'ask', ask_id: '1', kind: 'ticket', payload: { migration_id: migration, lane: 'v0' } });
      return (await agent.take('reply')).outcome;
    };
    expect(await ticketOf(source)).toMatchObject({ ok: true, data: { direct: address, bandwidth_limit: null } });
    expect(await ticketOf(target)).toMatchObject({ ok: true, data: { direct: null, ticket: expect.any(String) } });
  });
});

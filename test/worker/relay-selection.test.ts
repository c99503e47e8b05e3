import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { RelaySelection } from '../../worker/saga/relay-selection.ts';
import { connect, dial, hello } from './support/agent.ts';
import { twoHosts, underWay } from './support/hosts.ts';
import { join } from './support/node.ts';

const relays = ['r1', 'r2', 'r3'].map((id) => ({ id, host: 'relay', port: 7400 }));
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

  it('what one migration met says nothing about the next, and no relay is none', () => {
    const choice = new RelaySelection();
    const first = choice.choose('m', relays, [], 0)!.id;
    choice.choose('m', relays, [first], 1_000);
    choice.choose('other', relays, [], 2_000);
    expect(choice.choose('m', relays, [], 3_000)?.id).toBe(first);
    expect(choice.choose('m', [], ['r1'], 4_000)).toBeNull();
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

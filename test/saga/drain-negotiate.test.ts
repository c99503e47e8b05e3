import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { limits } from '../../schema/limits.ts';
import { negotiate } from '../../worker/saga/drain/assign-targets.ts';
import type { Load, Room } from '../../worker/saga/drain/plan.ts';
import type { Refusal } from '../../worker/saga/drain/refusal.ts';

const gib = 2 ** 30;
const sized = (id: string, memory: number) => ({ id, name: id, memory_bytes: memory * gib, disk_bytes: 0 });
const no = (message: string, anywhere = false): Refusal => ({ code: 'preflight_failed', message, anywhere });
// The roomier one is asked first.
const hosts: Room[] = [sized('b', 20), sized('c', 10)];

/** Who refuses whom, by `stack host`. */
async function outcome(loads: Load[], rooms: Room[], refusals: Record<string, Refusal>) {
  const asked: string[] = [];
  const agreed = await negotiate(loads, rooms, async (load, room) => {
    asked.push(`${load.id} ${room.id}`);
    return refusals[`${load.id} ${room.id}`] ?? null;
  });
  const ends = agreed.map((one) => [one.load.id, one.kind === 'placed' ? one.room.id : one.obstacle]);
  return { asked, ends: Object.fromEntries(ends) };
}

describe('a plan that hosts are asked about', () => {
  it('sends a stack that its best host refuses to the next one', async () => {
    const { asked, ends } = await outcome([sized('shop', 1)], hosts, { 'shop b': no('port 80 is taken') });
    expect(asked).toEqual(['shop b', 'shop c']);
    expect(ends).toEqual({ shop: 'c' });
  });

  it('names what each host has against a stack that none takes', async () => {
    const refusals = { 'shop b': no('port 80 is taken'), 'shop c': no('no such network') };
    const { ends } = await outcome([sized('shop', 1)], hosts, refusals);
    expect(ends.shop).toMatchObject({
      code: 'preflight_failed',
      message: '"b": port 80 is taken "c": no such network',
    });
  });

  it('names the options with which a host would take it, each once', async () => {
    const way = { with_external: true };
    const refusals = {
      'shop b': { ...no('a volume is absent'), lifted_by: [way] },
      'shop c': { ...no('a volume is absent'), lifted_by: [way, { accept_unmoved: true }] },
    };
    const { ends } = await outcome([sized('shop', 1)], hosts, refusals);
    expect(ends.shop).toMatchObject({ lifted_by: [way, { accept_unmoved: true }] });
  });

  it('asks only the host that may take a stack, and says nothing of the room on others', async () => {
    const shop = { ...sized('shop', 1), only: 'c' };
    expect(await outcome([shop], hosts, {})).toMatchObject({ asked: ['shop c'], ends: { shop: 'c' } });
    const { ends } = await outcome([shop], hosts, { 'shop c': no('port 80 is taken') });
    expect(ends.shop).toMatchObject({ code: 'preflight_failed', message: '"c": port 80 is taken' });
    expect((await outcome([{ ...shop, only: 'd' }], hosts, {})).ends.shop).toMatchObject({ code: 'no_target' });
  });

  it('asks as many hosts as there are, down to the last', async () => {
    const rooms = Array.from({ length: 2 * limits.drain.planRoundsMax }, (_, n) => sized(`h${n}`, 100 - n));
    const refusals = Object.fromEntries(rooms.slice(0, -1).map(({ id }) => [`shop ${id}`, no('port 80 is taken')]));
    const { asked, ends } = await outcome([sized('shop', 1)], rooms, refusals);
    expect(asked).toHaveLength(rooms.length);
    expect(ends).toEqual({ shop: rooms.at(-1)?.id });
  });

  it('asks no second host where none could help, and frees the room for others', async () => {
    const loads = [sized('shop', 8), sized('blog', 7), sized('wiki', 7)];
    const rooms = [sized('b', 10), sized('c', 10)];
    const refusals = {
      'shop b': no('its file is not what runs', true),
      'shop c': no('its file is not what runs', true),
    };
    const { asked, ends } = await outcome(loads, rooms, refusals);
    expect(ends).toMatchObject({ shop: { message: 'its file is not what runs' }, blog: 'b', wiki: 'c' });
    expect(asked.filter((pair) => pair.startsWith('shop'))).toHaveLength(1);
  });

  it('never places a stack where it was refused or not asked, and promises no room twice', async () => {
    const names = fc.uniqueArray(fc.constantFrom('s1', 's2', 's3', 's4', 's5', 's6'), { minLength: 1 });
    const rooms = fc.array(fc.integer({ min: 0, max: 30 }), { maxLength: 4 });
    const world = fc.record({ names, rooms, sizes: fc.array(fc.integer({ min: 0, max: 9 }), { minLength: 6 }) });
    await fc.assert(
      fc.asyncProperty(world, fc.func(fc.boolean()), async ({ names, rooms, sizes }, refuses) => {
        const loads = names.map((name, n) => sized(name, sizes[n] ?? 0));
        const hosts = rooms.map((memory, n) => sized(`h${n}`, memory));
        const taken = new Set<string>();
        const agreed = await negotiate(loads, hosts, async (load, room) => {
          if (refuses(load.id, room.id)) return no('no');
          taken.add(`${load.id} ${room.id}`);
          return null;
        });
        expect(agreed.map(({ load }) => load.id).toSorted()).toEqual(names.toSorted());
        const placed = agreed.flatMap((one) => (one.kind === 'placed' ? [one] : []));
        for (const { load, room } of placed) expect(taken.has(`${load.id} ${room.id}`)).toBe(true);
        for (const host of hosts) {
          const sum = placed
            .filter(({ room }) => room.id === host.id)
            .reduce((all, { load }) => all + load.memory_bytes, 0);
          expect(sum).toBeLessThanOrEqual(host.memory_bytes);
        }
      }),
    );
  });
});

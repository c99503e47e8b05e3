import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { fits, type Load, type Placement, place, type Room } from '../../worker/saga/drain/plan.ts';

const gib = 2 ** 30;
const bytes = fc.integer({ min: 0, max: 64 * gib });
const sized = { memory_bytes: bytes, disk_bytes: bytes };
const named = (prefix: string) => fc.integer({ min: 0, max: 999 }).map((n) => `${prefix}_${n}`);
const setOf = <T extends { id: string }>(one: fc.Arbitrary<T>, maxLength: number) =>
  fc.uniqueArray(one, { maxLength, selector: ({ id }) => id });
const loads = setOf<Load>(fc.record({ id: named('stack'), name: fc.constant('shop'), ...sized }), 30);
const rooms = setOf<Room>(fc.record({ id: named('host'), name: fc.constant('new'), ...sized }), 6);
const fleet = fc.record({ loads, rooms });

type Placed = Extract<Placement, { kind: 'placed' }>;
const placed = (placements: Placement[]) => placements.filter((one): one is Placed => one.kind === 'placed');
const holds = (property: (world: { loads: Load[]; rooms: Room[] }) => void) =>
  fc.assert(fc.property(fleet, property), { numRuns: 500 });

const load = (id: string, memory: number, disk = 0): Load => ({
  id,
  name: id,
  memory_bytes: memory * gib,
  disk_bytes: disk * gib,
});
const room = load as (id: string, memory: number, disk?: number) => Room;
const targets = (placements: Placement[]) =>
  placements.map((one) => [one.load.id, one.kind === 'placed' ? one.room.id : one.obstacle.code]);

describe('the plan of a drain', () => {
  it('never promises more room than a host has, and leaves each stack its margins', () => {
    holds(({ loads, rooms }) => {
      for (const { id, memory_bytes, disk_bytes } of rooms) {
        let memory = memory_bytes;
        let disk = disk_bytes;
        for (const { load } of placed(place(loads, rooms)).filter(({ room }) => room.id === id)) {
          expect(memory).toBeGreaterThanOrEqual(load.memory_bytes * 1.2);
          expect(disk).toBeGreaterThanOrEqual(load.disk_bytes * 1.1);
          memory -= load.memory_bytes;
          disk -= load.disk_bytes;
        }
      }
    });
  });

  it('names every stack once', () => {
    holds(({ loads, rooms }) => {
      const ids = place(loads, rooms).map(({ load }) => load.id);
      expect(ids.toSorted()).toEqual(loads.map(({ id }) => id).toSorted());
    });
  });

  it('is the same whatever order hosts and stacks are listed in', () => {
    fc.assert(
      fc.property(
        fleet.chain(({ loads, rooms }) =>
          fc.record({
            loads: fc.constant(loads),
            rooms: fc.constant(rooms),
            otherLoads: fc.shuffledSubarray(loads, { minLength: loads.length }),
            otherRooms: fc.shuffledSubarray(rooms, { minLength: rooms.length }),
          }),
        ),
        ({ loads, rooms, otherLoads, otherRooms }) => {
          expect(targets(place(otherLoads, otherRooms))).toEqual(targets(place(loads, rooms)));
        },
      ),
    );
  });

  it('calls a stack too big only where it would fit nowhere even alone', () => {
    holds(({ loads, rooms }) => {
      for (const one of place(loads, rooms)) {
        if (one.kind === 'placed') continue;
        const alone = rooms.some((room) => fits(one.load, room));
        const code = rooms.length === 0 ? 'no_target' : alone ? 'no_room_left' : 'too_big';
        expect(one.obstacle.code).toBe(code);
      }
    });
  });

  it('leaves no stack out that still fits beside all that is planned', () => {
    holds(({ loads, rooms }) => {
      const placements = place(loads, rooms);
      for (const one of placements) {
        if (one.kind === 'placed') continue;
        for (const host of rooms) {
          const left = { ...host };
          for (const { load } of placed(placements).filter(({ room }) => room.id === host.id)) {
            left.memory_bytes -= load.memory_bytes;
            left.disk_bytes -= load.disk_bytes;
          }
          expect(fits(one.load, left)).toBe(false);
        }
      }
    });
  });

  it('a host that is refused to a stack is never its target', () => {
    holds(({ loads, rooms }) => {
      const [first] = rooms;
      const placements = place(loads, rooms, { refused: (_, { id }) => id === first?.id });
      expect(placed(placements).every(({ room }) => room.id !== first?.id)).toBe(true);
    });
  });

  it('spreads: the biggest stack first, each to the host with the most room left', () => {
    const hosts = [room('host_large', 20), room('host_small', 14)];
    const stacks = [load('stack_1', 3), load('stack_2', 8), load('stack_3', 2)];
    expect(targets(place(stacks, hosts))).toEqual([
      ['stack_2', 'host_large'],
      ['stack_1', 'host_small'],
      ['stack_3', 'host_large'],
    ]);
  });

  it('packs when asked to: each to the host with the least room that it fits', () => {
    const hosts = [room('host_large', 20), room('host_small', 4)];
    expect(targets(place([load('stack_1', 3), load('stack_2', 8)], hosts, { pack: true }))).toEqual([
      ['stack_2', 'host_large'],
      ['stack_1', 'host_small'],
    ]);
  });

  it('a stack keeps the host of an earlier plan while it fits there, and finds another where it no longer does', () => {
    const hosts = [room('host_large', 20), room('host_small', 4)];
    const planned = (memory: number) => ({ ...load('stack_1', memory), planned: 'host_large' });
    expect(targets(place([planned(3)], hosts))).toEqual([['stack_1', 'host_large']]);
    expect(targets(place([planned(3)], [room('host_large', 2), room('host_small', 4)]))).toEqual([
      ['stack_1', 'host_small'],
    ]);
  });

  it('tells no room for this stack from no room beside the others, with the numbers', () => {
    const hosts = [room('host_a', 10, 100)];
    const stacks = [load('stack_1', 6), load('stack_2', 5), load('stack_3', 1, 95)];
    const [tooBig, , beside] = place(stacks, hosts);
    expect(tooBig).toMatchObject({ load: { id: 'stack_3' }, obstacle: { code: 'too_big' } });
    expect(beside).toMatchObject({
      load: { id: 'stack_2' },
      obstacle: {
        code: 'no_room_left',
        message:
          'It needs 6.0 GiB of memory and 0 B of disk free. Free beside what is planned already: "host_a" 4.0 GiB and 100 GiB.',
      },
    });
  });
});

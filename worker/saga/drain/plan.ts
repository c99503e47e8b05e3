import { type Fit, type Obstacle, planObstacles } from '../../../schema/drain.ts';
import { memoryFactor } from '../preflight/host-checks.ts';
import { diskFactor, list, size } from '../preflight/verdicts.ts';

/** A stack's usage, in bytes. */
export interface Load {
  id: string;
  name: string;
  memory_bytes: number;
  disk_bytes: number;
  /**
   * The host of an earlier plan, kept while the stack fits there. A stack that has just moved uses little at first, so
   * a plan from scratch would crowd all others onto its host.
   */
  planned?: string | null;
  /** The only host that may take it; null for any. */
  only?: string | null;
}

/** A host's free room, in bytes, after reservations of active migrations. */
export interface Room {
  id: string;
  name: string;
  memory_bytes: number;
  disk_bytes: number;
}

export type Placement =
  | { kind: 'placed'; load: Load; room: Room; fit: Fit }
  | { kind: 'unplaced'; load: Load; obstacle: Obstacle };

export interface PlaceOptions {
  /** Excludes a host for another reason than its room. */
  refused?: (load: Load, room: Room) => boolean;
  /** Fills as few hosts as possible: each stack goes where the least room is left. */
  pack?: boolean;
}

/**
 * Assigns stacks to hosts: biggest first, each to its earlier planned host, else to the one with the most room left, with
 * the margins of the pre-flight and counting stacks already placed. Pure and independent of the input order.
 */
export function place(
  loads: readonly Load[],
  rooms: readonly Room[],
  { refused = () => false, pack = false }: PlaceOptions = {},
): Placement[] {
  const most = { memory: mostOf(rooms, 'memory_bytes'), disk: mostOf(rooms, 'disk_bytes') };
  const share = ({ memory_bytes, disk_bytes }: Load | Room) => [memory_bytes / most.memory, disk_bytes / most.disk];
  const bulk = (load: Load) => Math.max(...share(load));
  const way = pack ? 1 : -1;
  const left = new Map(rooms.map((room) => [room.id, { ...room }]));

  return [...loads]
    .sort((a, b) => bulk(b) - bulk(a) || compare(a.id, b.id))
    .map((load): Placement => {
      const open = roomsFor(load, [...left.values()]).filter((room) => !refused(load, room));
      const best = open
        .filter((room) => fits(load, room))
        // Then by the free room, memory and disk together.
        .sort((a, b) => earlier(load, a, b) || way * (sum(share(a)) - sum(share(b))) || compare(a.id, b.id))[0];
      if (!best) return { kind: 'unplaced', load, obstacle: obstacleOf(load, open, roomsFor(load, rooms)) };
      const room = rooms.find(({ id }) => id === best.id) ?? best;
      const fit = fitOf(load, best);
      best.memory_bytes -= load.memory_bytes;
      best.disk_bytes -= load.disk_bytes;
      return { kind: 'placed', load, room, fit };
    });
}

/** The rooms of hosts that may take the stack. */
export const roomsFor = ({ only = null }: Load, rooms: readonly Room[]): readonly Room[] =>
  only === null ? rooms : rooms.filter(({ id }) => id === only);

export function fits(load: Load, room: Room): boolean {
  const fit = fitOf(load, room);
  return fit.memory_needed_bytes <= fit.memory_free_bytes && fit.disk_needed_bytes <= fit.disk_free_bytes;
}

function fitOf(load: Load, room: Room): Fit {
  return {
    memory_needed_bytes: Math.ceil(load.memory_bytes * memoryFactor),
    memory_free_bytes: room.memory_bytes,
    disk_needed_bytes: Math.ceil(load.disk_bytes * diskFactor),
    disk_free_bytes: room.disk_bytes,
  };
}

function obstacleOf(load: Load, open: Room[], rooms: readonly Room[]): Obstacle {
  if (rooms.length === 0) return { code: planObstacles.no_target, message: 'No other host is open to migrations.' };
  const unplanned = rooms.filter(({ id }) => open.some((room) => room.id === id));
  const alone = unplanned.some((room) => fits(load, room));
  const { memory_needed_bytes, disk_needed_bytes } = fitOf(load, open[0] ?? { ...load });
  const has = ({ name, memory_bytes, disk_bytes }: Room) =>
    `"${name}" ${size(Math.max(0, memory_bytes))} and ${size(Math.max(0, disk_bytes))}`;
  const message =
    `It needs ${size(memory_needed_bytes)} of memory and ${size(disk_needed_bytes)} of disk free. ` +
    `${alone ? 'Free beside what is planned already' : 'Free'}: ${list(open.map(has), 5)}.`;
  return { code: alone ? planObstacles.no_room_left : planObstacles.too_big, message };
}

const earlier = ({ planned }: Load, a: Room, b: Room) => Number(b.id === planned) - Number(a.id === planned);
const mostOf = (rooms: readonly Room[], key: 'memory_bytes' | 'disk_bytes') =>
  Math.max(1, ...rooms.map((room) => room[key]));
const sum = (parts: number[]) => parts.reduce((total, part) => total + part, 0);
const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

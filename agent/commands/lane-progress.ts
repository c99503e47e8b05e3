import type { ItemProgress } from '../../schema/agent-protocol.ts';
import { limits } from '../../schema/limits.ts';

/** Bytes done per lane, told at most every `progressIntervalMs`, and always at a lane's end. */
export function createLaneProgress(
  tell: (items: ItemProgress[]) => void,
  totals: { lane: string; bytes_total: number | null }[],
  now: () => number = () => performance.now(),
) {
  const items = new Map(totals.map(({ lane, bytes_total }) => [lane, { lane, bytes_done: 0, bytes_total }]));
  let toldAt = Number.NEGATIVE_INFINITY;
  const update = (lane: string, bytes: number, change: Partial<ItemProgress>) => {
    const item = items.get(lane);
    if (item) items.set(lane, { ...item, bytes_done: bytes, ...change });
  };
  const say = () => {
    toldAt = now();
    tell([...items.values()]);
  };
  return {
    at: (lane: string, bytes: number) => {
      update(lane, bytes, {});
      if (now() - toldAt >= limits.agent.progressIntervalMs) say();
    },
    done: (lane: string, bytes: number) => {
      // What was measured beforehand is an estimate; now it is known.
      update(lane, bytes, { bytes_total: bytes });
      say();
    },
  };
}

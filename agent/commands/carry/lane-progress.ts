import type { ItemProgress } from '../../../schema/agent-protocol.ts';
import { limits } from '../../../schema/limits.ts';

/** Tracks bytes done per lane. Reports at most every `progressIntervalMs`, and always at the end of a lane. */
export function createLaneProgress(
  send: (items: ItemProgress[]) => void,
  totals: { lane: string; bytes_total: number | null }[],
  now: () => number = () => performance.now(),
) {
  const items = new Map(totals.map(({ lane, bytes_total }) => [lane, { lane, bytes_done: 0, bytes_total }]));
  let reportedAt = Number.NEGATIVE_INFINITY;
  const update = (lane: string, bytes: number, change: Partial<ItemProgress>) => {
    const item = items.get(lane);
    if (item) items.set(lane, { ...item, bytes_done: bytes, ...change });
  };
  const report = () => {
    reportedAt = now();
    send([...items.values()]);
  };
  return {
    at: (lane: string, bytes: number) => {
      update(lane, bytes, {});
      if (now() - reportedAt >= limits.agent.progressIntervalMs) report();
    },
    done: (lane: string, bytes: number) => {
      // The total was an estimate until now.
      update(lane, bytes, { bytes_total: bytes });
      report();
    },
  };
}

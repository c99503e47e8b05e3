import type { ItemProgress } from '../../../schema/agent-protocol.ts';
import type { ProgressView } from '../../../schema/api/migrations.ts';
import { type ByteSamples, rateOfSamples, withSample } from '../../../schema/byte-samples.ts';
import { changesLane, warmProjectLane } from '../../../schema/commands/parts.ts';
import { limits } from '../../../schema/limits.ts';
import type { Saga } from '../../../schema/saga.ts';
import { payloadOf } from './command-payloads.ts';
import { lanesOf, warmLanesOf, warmsProject } from './lanes.ts';

/**
 * Progress is not state: it is kept in the object's memory, and the agents' next report restores it. Bytes count as
 * done once the target has passed them to its unpacker.
 */
export interface ProgressMemory {
  items: Map<string, ItemProgress>;
  samples: ByteSamples;
  /** Rates, one per interval, oldest first; `counted` is where the newest ends. */
  history: number[];
  counted: { at: number; bytes: number } | null;
  /** Bytes were transferred since the last `takeMoved`. */
  moved: boolean;
}

export function recordProgress(memory: ProgressMemory, items: ItemProgress[], now: number): void {
  for (const item of items) {
    if (!memory.items.has(item.lane) && memory.items.size >= limits.control.progressLanesMax) continue;
    if (item.bytes_done !== (memory.items.get(item.lane)?.bytes_done ?? 0)) memory.moved = true;
    memory.items.set(item.lane, item);
  }
  const bytes = [...memory.items.values()].reduce((sum, { bytes_done }) => sum + bytes_done, 0);
  memory.samples = withSample(memory.samples, now, bytes);
  recordHistory(memory, now, bytes);
}

/** Intervals without a report count as such: nothing arrived in them. */
function recordHistory(memory: ProgressMemory, now: number, bytes: number): void {
  const { historyIntervalMs, historyPointsMax } = limits.progress;
  memory.counted ??= { at: now, bytes };
  const intervals = Math.floor((now - memory.counted.at) / historyIntervalMs);
  if (intervals < 1) return;
  const moved = Math.max(0, bytes - memory.counted.bytes);
  const empty = Array.from({ length: Math.min(intervals - 1, historyPointsMax) }, () => 0);
  const rate = Math.round((moved * 1000) / historyIntervalMs);
  memory.history = [...memory.history, ...empty, rate].slice(-historyPointsMax);
  memory.counted = { at: memory.counted.at + intervals * historyIntervalMs, bytes };
}

export const newProgress = (): ProgressMemory => ({
  ...{ items: new Map(), samples: [], moved: false },
  ...{ history: [], counted: null },
});

export function takeMoved(memory: ProgressMemory | undefined): boolean {
  const moved = memory?.moved ?? false;
  if (memory) memory.moved = false;
  return moved;
}

/** Returns null in steps that transfer nothing. */
export function viewProgress(memory: ProgressMemory, saga: Saga, now: number): ProgressView | null {
  const items = itemsOf(saga);
  if (!items) return null;
  const views = items.map(({ lane, item, total }) => {
    const seen = memory.items.get(lane);
    const bytes_done = Math.max(0, seen?.bytes_done ?? 0);
    // The measured size is an estimate: volumes grow, and a pre-copy passes over them more than once.
    const expected = seen?.bytes_total ?? total;
    return { item, bytes_done, bytes_total: expected === null ? null : Math.max(expected, bytes_done) };
  });
  const bytes_done = views.reduce((sum, view) => sum + view.bytes_done, 0);
  const bytes_total = views.some((view) => view.bytes_total === null)
    ? null
    : views.reduce((sum, view) => sum + (view.bytes_total ?? 0), 0);
  const rate = rateOfSamples(memory.samples, now);
  const left = bytes_total === null ? null : Math.max(0, bytes_total - bytes_done);
  const unfinished = views.find((view) => view.bytes_total === null || view.bytes_done < view.bytes_total);
  return {
    current: unfinished?.item ?? null,
    bytes_done,
    bytes_total,
    rate,
    seconds_left: rate && left !== null ? Math.ceil(left / rate) : null,
    items: views,
    history: memory.history,
  };
}

function itemsOf(saga: Saga): { lane: string; item: string; total: number | null }[] | null {
  if (saga.status === 'shipping')
    return [
      {
        lane: warmsProject(saga) && !saga.results.send_project ? changesLane : 'project',
        item: 'project',
        total: null,
      },
    ];
  if (!saga.plan) return null;
  const sizes = saga.results.prepare_source?.sizes ?? [];
  const total = (volume: string) => sizes.find((size) => size.volume === volume)?.bytes ?? null;
  if (saga.awaiting.some(({ kind }) => kind === 'send_images' || kind === 'receive_images'))
    return [{ lane: 'images', item: 'images', total: null }];
  if (saga.status === 'holding') return null;
  const warming = saga.awaiting.some(({ kind }) => kind === 'warm_source' || kind === 'warm_target');
  if (warming) {
    const project = saga.plan.staged ? [] : [{ lane: warmProjectLane, item: 'project', total: null }];
    const volumes = warmLanesOf(saga.plan, 'source').map(({ lane, volume }) => ({
      lane,
      item: volume,
      total: total(volume),
    }));
    return [...volumes, ...project];
  }
  if (saga.awaiting.some(({ kind }) => kind === 'pass_source' || kind === 'pass_target')) {
    const { items, project_lane } = payloadOf(saga, 'pass_source');
    const volumes = items.map(({ lane, volume }) => ({ lane, item: volume, total: null }));
    return [...volumes, ...(project_lane ? [{ lane: project_lane.lane, item: 'project', total: null }] : [])];
  }
  if (saga.status !== 'transferring') return null;
  const whole = saga.mode === 'stop-copy' || saga.sent_whole.length > 0;
  return lanesOf(saga.plan, 'source', saga.sent_whole).map(({ lane, volume }) => ({
    lane,
    item: volume,
    total: whole ? total(volume) : null,
  }));
}

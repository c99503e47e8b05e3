import type { ProgressView } from '../../schema/api/migrations.ts';
import { type ByteSamples, rateOfSamples, withSample } from '../../schema/byte-samples.ts';
import { clock, rate, share } from '../../schema/units.ts';
import { cut, pad } from './layout.ts';
import type { Terminal } from './terminal.ts';

/** Progress of the volumes: one line each, and a total for several. */
export function laneLines(term: Terminal, progress: ProgressView, speedOf?: (item: string) => number | null): string[] {
  const { items } = progress;
  const nameWidth = Math.min(20, Math.max(8, ...items.map(({ item }) => item.length)));
  const lines = items.map(({ item, bytes_done, bytes_total }) =>
    laneLine(term, cut(item, nameWidth), nameWidth, bytes_done, bytes_total, speedOf?.(item) ?? null),
  );
  if (items.length === 1) return lines;
  return [...lines, laneLine(term, 'in all', nameWidth, progress.bytes_done, progress.bytes_total, progress.rate)];
}

function laneLine(
  term: Terminal,
  name: string,
  nameWidth: number,
  done: number,
  total: number | null,
  speed: number | null,
): string {
  const left = total === null || done >= total || !speed ? '' : `${clock(((total - done) / speed) * 1000)} left`;
  const pace = speed && done !== total ? rate(speed) : '';
  const figures = `${percent(done, total)}  ${pad(share(done, total), 16)}  ${pad(pace, 10)}  ${left}`.trimEnd();
  const room = term.columns() - 1;
  const start = `  ${pad(name, nameWidth)} `;
  const barWidth = Math.min(24, room - start.length - figuresWidth);
  if (barWidth < 6) return cut(`${start}${figures}`, room);
  return `${start}${bar(term, done, total, barWidth)} ${figures}`;
}

/** Width of the longest: ` 99%  99.9 of 99.9 MiB  99.9 MiB/s  23:59:59 left`, and a space before. */
const figuresWidth = 50;

const percent = (done: number, total: number | null) =>
  total === null ? '    ' : `${String(percentOf(done, total)).padStart(3)}%`;

/** 0 to 100, even if the total was underestimated. */
export const percentOf = (done: number, total: number) =>
  total <= 0 ? 100 : Math.max(0, Math.min(100, Math.floor((done / total) * 100)));

function bar(term: Terminal, done: number, total: number | null, width: number): string {
  const part = total === null ? 0 : total === 0 ? 1 : Math.min(1, done / total);
  const full = Math.floor(part * width);
  const [on, off] = term.unicode ? ['━', '─'] : ['#', '.'];
  return term.paint('cyan', on!.repeat(full)) + term.paint('dim', off!.repeat(width - full));
}

/** Measures bytes per second of each item, over a short window. */
export function speedometer() {
  const samples = new Map<string, ByteSamples>();
  return {
    see({ items }: ProgressView, at = Date.now()): void {
      for (const { item, bytes_done } of items) samples.set(item, withSample(samples.get(item) ?? [], at, bytes_done));
    },
    /** Null until there are two samples. */
    of: (item: string, now = Date.now()): number | null => rateOfSamples(samples.get(item) ?? [], now),
  };
}

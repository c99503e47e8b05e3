import { cpus, totalmem } from 'node:os';

export interface Comparison {
  peer: string;
  ours_s: number[];
  peer_s: number[];
  /** Peer's time over ours, pair by pair: above 1 we are the faster. */
  ratio: Spread;
  /** The least that the median is to be. */
  goal: number;
}

/** A figure of ours that has no peer: the lower, the better. */
export interface Measure {
  of: string;
  /** As it is printed after a figure: `s per GiB`, `×`. */
  unit: string;
  /** Round by round. */
  values: number[];
  value: Spread;
  better: 'lower';
  /** The most that it is to be; null where it only explains another measure. */
  goal: number | null;
  /** Which figure is held against the goal; the median where it is not named. */
  judged?: 'worst';
}

export interface Spread {
  median: number;
  min: number;
  max: number;
}

export interface Result {
  name: string;
  machine: string;
  peers: Comparison[];
  measures?: Measure[];
  /** Peak resident set of each process, in MB. */
  memory_mb: Record<string, number>;
}

export const machine = () =>
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 1e9)} GB, Node ${process.version}`;

export function compare(peer: string, ours_s: number[], peer_s: number[], goal: number): Comparison {
  const ratios = ours_s.map((ours, i) => (peer_s[i] ?? Number.NaN) / ours);
  return { peer, ours_s, peer_s, ratio: spreadOf(ratios), goal };
}

export const measure = (
  of: string,
  unit: string,
  values: number[],
  goal: number | null = null,
  judged?: 'worst',
): Measure => ({
  of,
  unit,
  values,
  value: spreadOf(values),
  better: 'lower',
  goal,
  ...(judged ? { judged } : {}),
});

/** How much a figure grows with the size of the work, smallest size first: the most that it is of one at a smaller size. */
export const growthOf = (bySize: number[]): number =>
  Math.max(...bySize.flatMap((figure, index) => bySize.slice(0, index).map((earlier) => figure / earlier)));

function spreadOf(values: number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b);
  return { median: median(sorted), min: sorted[0] ?? Number.NaN, max: sorted.at(-1) ?? Number.NaN };
}

/** Of sorted numbers. */
function median(sorted: number[]): number {
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const isReached = ({ ratio, goal }: Comparison) => ratio.median >= goal;
const isKept = ({ value, goal, judged }: Measure) =>
  goal === null || (judged === 'worst' ? value.max : value.median) <= goal;
const seconds = (value: number) => value.toFixed(2);
const rangeOf = ({ min, max }: Spread, text = seconds) => `${text(min)} to ${text(max)}`;
/** Counts have no unit. */
const textOf = ({ unit }: Measure) => (unit === '' ? String : seconds);
const medianOf = (one: Measure) => `${textOf(one)(one.value.median)} ${one.unit}`.trim();
const goalOf = ({ goal, judged }: Measure) => `≤ ${goal}${judged === 'worst' ? ' in each' : ''}`;

/** The tables of docs/benchmarks.md: medians with their spread. */
export function markdownTables(results: Result[]): string {
  const middle = (times: number[]) => spreadOf(times).median.toFixed(2);
  const verdict = (met: boolean) => (met ? 'met' : '**missed**');
  const peers = results.flatMap((result) =>
    result.peers.map((one) => [
      ...[`\`${result.name}\``, one.peer, middle(one.ours_s), middle(one.peer_s), one.ratio.median.toFixed(2)],
      ...[rangeOf(one.ratio), `≥ ${one.goal}`, verdict(isReached(one))],
    ]),
  );
  const measures = results.flatMap((result) =>
    (result.measures ?? []).map((one) => [
      ...[`\`${result.name}\``, one.of, medianOf(one), rangeOf(one.value, textOf(one))],
      ...(one.goal === null ? ['', ''] : [goalOf(one), verdict(isKept(one))]),
    ]),
  );
  const memory = results
    .filter(({ name }) => name === 'memory')
    .flatMap(({ memory_mb }) => Object.entries(memory_mb).map(([process_, mb]) => [process_, String(mb)]));
  return [
    `${results[0]?.machine ?? ''}.\n`,
    table(['', 'peer', 'ours, s', 'peer, s', 'ratio', 'spread', 'goal', ''], peers),
    table(['', 'measure', 'median', 'spread', 'goal', ''], measures),
    table(['peak RSS of', 'MB'], memory),
  ]
    .filter((part) => part !== '')
    .join('\n');
}

/** Empty without rows. */
function table(head: string[], rows: string[][]): string {
  if (rows.length === 0) return '';
  const line = (cells: string[]) => `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |\n`;
  return [line(head), `|${'---|'.repeat(head.length)}\n`, ...rows.map(line)].join('');
}

export function printTable({ name, machine: where, peers, measures = [], memory_mb }: Result): void {
  const print = (line: string) => process.stdout.write(`${line}\n`);
  const each = (values: number[], text = seconds) => values.map(text).join(' ');
  const verdict = (met: boolean) => (met ? 'met' : 'missed');
  print(`${name} on ${where}`);
  for (const one of peers)
    print(
      `  ${one.peer}: ours ${each(one.ours_s)} s, peer ${each(one.peer_s)} s, ratio ${one.ratio.median.toFixed(2)} ` +
        `(${rangeOf(one.ratio)}), goal ≥ ${one.goal}: ${verdict(isReached(one))}`,
    );
  for (const one of measures)
    print(
      `  ${one.of}: ${each(one.values, textOf(one))}, median ${medianOf(one)}` +
        (one.goal === null ? '' : `, goal ${goalOf(one)}: ${verdict(isKept(one))}`),
    );
  for (const [process_, mb] of Object.entries(memory_mb)) print(`  peak RSS ${process_}: ${mb} MB`);
}

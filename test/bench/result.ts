import { cpus, totalmem } from 'node:os';

export interface Comparison {
  peer: string;
  ours_s: number[];
  peer_s: number[];
  /** Peer's time over ours, pair by pair: above 1 we are the faster. */
  ratio: { median: number; min: number; max: number };
  goal: number;
}

export interface Result {
  name: string;
  machine: string;
  peers: Comparison[];
  /** Peak resident set of each process, in MB. */
  memory_mb: Record<string, number>;
}

export const machine = () =>
  `${cpus().length} × ${cpus()[0]?.model.trim() ?? 'unknown'}, ${Math.round(totalmem() / 1e9)} GB, Node ${process.version}`;

export function compare(peer: string, ours_s: number[], peer_s: number[], goal: number): Comparison {
  const ratios = ours_s.map((ours, i) => (peer_s[i] ?? Number.NaN) / ours).sort((a, b) => a - b);
  return {
    peer,
    ours_s,
    peer_s,
    ratio: { median: median(ratios), min: ratios[0] ?? Number.NaN, max: ratios.at(-1) ?? Number.NaN },
    goal,
  };
}

/** Of sorted numbers. */
function median(sorted: number[]): number {
  const middle = Math.floor(sorted.length / 2);
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

/** The tables of docs/benchmarks.md: medians of both, and of the ratio with its spread. */
export function markdownTables(results: Result[]): string {
  const middle = (times: number[]) => median(times.toSorted((a, b) => a - b)).toFixed(2);
  const rows = results.flatMap(({ name, peers }) =>
    peers.map(({ peer, ours_s, peer_s, ratio, goal }) => {
      const spread = `${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}`;
      const verdict = ratio.median >= goal ? 'met' : '**missed**';
      const cells = [`\`${name}\``, peer, middle(ours_s), middle(peer_s), ratio.median.toFixed(2), spread, `≥ ${goal}`];
      return `| ${[...cells, verdict].map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`;
    }),
  );
  const memory = results
    .filter(({ name }) => name === 'memory')
    .flatMap(({ memory_mb }) => Object.entries(memory_mb).map(([process_, mb]) => `| ${process_} | ${mb} |`));
  return [
    `${results[0]?.machine ?? ''}.`,
    '',
    '| | peer | ours, s | peer, s | ratio | spread | goal | |',
    '|---|---|---|---|---|---|---|---|',
    ...rows,
    ...(memory.length > 0 ? ['', '| peak RSS of | MB |', '|---|---|', ...memory] : []),
    '',
  ].join('\n');
}

export function printTable({ name, machine: where, peers, memory_mb }: Result): void {
  const seconds = (times: number[]) => times.map((time) => time.toFixed(2)).join(' ');
  process.stdout.write(`${name} on ${where}\n`);
  for (const { peer, ours_s, peer_s, ratio, goal } of peers) {
    const verdict = ratio.median >= goal ? 'met' : 'missed';
    process.stdout.write(
      `  ${peer}: ours ${seconds(ours_s)} s, peer ${seconds(peer_s)} s, ratio ${ratio.median.toFixed(2)} ` +
        `(${ratio.min.toFixed(2)} to ${ratio.max.toFixed(2)}), goal ${goal}: ${verdict}\n`,
    );
  }
  for (const [process_, mb] of Object.entries(memory_mb)) process.stdout.write(`  peak RSS ${process_}: ${mb} MB\n`);
}

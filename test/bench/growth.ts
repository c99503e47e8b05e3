import { dark } from './downtime.ts';
import { manyFiles } from './downtime-cases.ts';
import { randomFile, randomFiles } from './fillings.ts';
import { growthOf, type Measure, machine, measure, type Result } from './result.ts';
import {
  move,
  needRoom,
  note,
  openStage,
  peaks,
  quiet,
  type Stage,
  secondsOf,
  stackWithVolume,
  sweep,
} from './stage.ts';

/** One kind of migration at several sizes. */
interface Work {
  name: string;
  /** Smallest first. */
  sizes: number[];
  sizeUnit: string;
  /** Of what `run` resolves to, which should not depend on the size. */
  unit: string;
  /** The most that it may grow from any size to a greater one. */
  goal: number;
  run(stage: Stage, stack: string, size: number): Promise<number>;
}

const work = (mebibytes: number[], files: number[]): Work[] => [
  {
    name: 'bulk',
    sizes: mebibytes,
    sizeUnit: 'MiB',
    unit: 's per GiB',
    goal: 1.1,
    run: async (stage, stack, size) => (await transferS(stage, stack, randomFile(size))) / (size / 1024),
  },
  {
    name: 'small',
    sizes: files,
    sizeUnit: 'files',
    unit: 's per 10,000 files',
    goal: 1.1,
    run: async (stage, stack, size) => (await transferS(stage, stack, randomFiles(size, 4_096))) / (size / 10_000),
  },
  ...(['manifest', 'content'] as const).map((verify) => ({
    name: `downtime (a), pre-copy (${verify})`,
    sizes: mebibytes,
    sizeUnit: 'MiB',
    unit: 's',
    goal: 1.2,
    run: (stage: Stage, stack: string, size: number) =>
      dark(stage, manyFiles(size), stack, async () => {
        await move(stage.rig, stack, { mode: 'pre-copy', verify });
      }),
  })),
];

/** `bulk`, `small` and `downtime` (a) against themselves, as the volume grows. */
export async function growth({
  rounds = 3,
  mebibytes = [256, 1024, 4096],
  files = [10_000, 50_000, 250_000],
} = {}): Promise<Result> {
  // A round's volumes stay until its end, on both hosts.
  await needRoom(2 * mebibytes.reduce((sum, size) => sum + size, 0));
  const stage = await openStage();
  const measures: Measure[] = [];
  try {
    for (const [index, one] of work(mebibytes, files).entries()) {
      const figures: number[][] = [];
      for (let round = 0; round < rounds; round++) {
        const figuresOfRound: number[] = [];
        for (const size of one.sizes) {
          figuresOfRound.push(await one.run(stage, `grow${index}${round}x${size}`, size));
          note(
            `${one.name}, round ${round + 1} of ${rounds}, ${size} ${one.sizeUnit}: ${figuresOfRound.at(-1)?.toFixed(2)} ${one.unit}`,
          );
        }
        figures.push(figuresOfRound);
        await sweep();
      }
      measures.push(measure(`${one.name}: growth`, '×', figures.map(growthOf), one.goal));
      for (const [at, size] of one.sizes.entries()) {
        const values = figures.map((ofRound) => ofRound[at]!);
        measures.push(measure(`${one.name}: ${size.toLocaleString('en')} ${one.sizeUnit}`, one.unit, values));
      }
    }
    return { name: 'growth', machine: machine(), peers: [], measures, memory_mb: await peaks(stage.rig) };
  } finally {
    await stage.close();
  }
}

/** Seconds of the step `transferring`. */
async function transferS({ rig }: Stage, stack: string, fill: (dir: string) => Promise<void>): Promise<number> {
  await stackWithVolume(rig, stack, fill);
  await quiet();
  return secondsOf(await move(rig, stack), 'transferring');
}

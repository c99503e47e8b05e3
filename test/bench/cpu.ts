import { startCpuMeter } from './cpu-meter.ts';
import { randomFile } from './fillings.ts';
import { type Measure, machine, measure, type Result } from './result.ts';
import { move, note, openStage, peaks, quiet, type Stage, spanOf, stackWithVolume } from './stage.ts';
import type { Extent } from './volumes.ts';

const paths = {
  'through the relay': { direct: false, goal: 3.0 },
  direct: { direct: true, goal: 2.2 },
};

/**
 * CPU seconds per GiB of all our processes together while one volume is `transferring`, as in `bulk`: for what counts see
 * startCpuMeter. Beside it each part's share, and the whole migration, in which what Compose uses does not grow with
 * the volume.
 */
export async function cpu({ rounds = 3, mebibytes = 1024 }: Extent = {}): Promise<Result> {
  const measures: Measure[] = [];
  let memory_mb: Record<string, number> = {};
  for (const [path, { direct, goal }] of Object.entries(paths)) {
    const stage = await openStage({ direct });
    try {
      const perGib: Record<string, number[]> = {};
      for (let round = 0; round < rounds; round++) {
        const used = await usedByMove(stage, `cpu${round}`, mebibytes);
        for (const [part, seconds] of Object.entries(used))
          perGib[part] = [...(perGib[part] ?? []), seconds / (mebibytes / 1024)];
        note(`${path}, round ${round + 1} of ${rounds}: ${perGib.transferring?.[round]?.toFixed(2)} s per GiB`);
      }
      for (const [part, values] of Object.entries(perGib))
        measures.push(measure(`${path}: ${part}`, 's per GiB', values, part === 'transferring' ? goal : null));
      if (!direct) memory_mb = await peaks(stage.rig);
    } finally {
      await stage.close();
    }
  }
  return { name: 'cpu', machine: machine(), peers: [], measures, memory_mb };
}

/** CPU seconds of `transferring`, of its parts, and of the whole migration. */
async function usedByMove({ rig }: Stage, stack: string, mebibytes: number): Promise<Record<string, number>> {
  await stackWithVolume(rig, stack, randomFile(mebibytes));
  await quiet();
  const meter = startCpuMeter(rig);
  try {
    const beganMs = Date.now();
    const migration = await move(rig, stack);
    const { fromMs, toMs } = spanOf(migration, 'transferring');
    const parts = meter.between(fromMs, toMs);
    const whole = meter.between(beganMs, Date.now());
    return { transferring: sum(parts), ...parts, 'whole migration': sum(whole) };
  } finally {
    meter.stop();
  }
}

const sum = (parts: Record<string, number>) => Object.values(parts).reduce((total, seconds) => total + seconds, 0);

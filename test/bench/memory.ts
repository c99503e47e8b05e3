import { randomFile } from './fillings.ts';
import { machine, type Result } from './result.ts';
import { move, note, openStage, peaks, stackWithVolume } from './stage.ts';

/** Peak RSS while one volume of each size is moved, each by processes of its own: flat as the volume grows. */
export async function memory(sizes = [256, 1024, 4096]): Promise<Result> {
  const memory_mb: Record<string, number> = {};
  for (const mebibytes of sizes) {
    const stage = await openStage();
    try {
      await stackWithVolume(stage.rig, `mem${mebibytes}`, randomFile(mebibytes));
      await move(stage.rig, `mem${mebibytes}`);
      for (const [name, mb] of Object.entries(await peaks(stage.rig))) memory_mb[`${name} at ${mebibytes} MiB`] = mb;
      note(`${mebibytes} MiB moved`);
    } finally {
      await stage.close();
    }
  }
  return { name: 'memory', machine: machine(), peers: [], memory_mb };
}

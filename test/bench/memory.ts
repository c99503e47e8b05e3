import { z } from 'zod';
import { mountpoint } from '../docker/two-hosts.ts';
import { randomFile } from './fillings.ts';
import { growthOf, type Measure, machine, measure, type Result } from './result.ts';
import { move, note, openStage, peakMb, peaks, quiet, type Stage, stackWithVolume } from './stage.ts';

const stacks = 16;
const volumesEach = 2;
const growthMax = 1.1;
const agentMbMax = 150;

/**
 * Peak RSS while one volume of each size is moved, each by processes of its own: flat as the volume grows. Then of a relay
 * that carries two volumes each of sixteen stacks side by side.
 */
export async function memory(sizes = [256, 1024, 4096]): Promise<Result> {
  const memory_mb: Record<string, number> = {};
  const bySize: Record<string, number[]> = {};
  for (const mebibytes of sizes)
    await withStage(async (stage) => {
      await stackWithVolume(stage.rig, `mem${mebibytes}`, randomFile(mebibytes));
      await move(stage.rig, `mem${mebibytes}`);
      for (const [name, mb] of Object.entries(await peaks(stage.rig))) {
        memory_mb[`${name} at ${mebibytes} MiB`] = mb;
        bySize[name] = [...(bySize[name] ?? []), mb];
      }
      note(`${mebibytes} MiB moved`);
    });
  await withStage(async (stage) => {
    const sessions = await moveSideBySide(stage);
    memory_mb[`relay with ${sessions} sessions`] = await peakMb(stage.rig.relay.pid);
  });
  const measures = Object.entries(bySize).flatMap(([name, mb]) => measuresOf(name, mb));
  return { name: 'memory', machine: machine(), peers: [], measures, memory_mb };
}

function measuresOf(name: string, mbBySize: number[]): Measure[] {
  const growth = measure(`growth of ${name} with the volume`, '×', [growthOf(mbBySize)], growthMax);
  if (!name.startsWith('agent')) return [growth];
  return [growth, measure(`peak RSS of ${name}`, 'MB', [Math.max(...mbBySize)], agentMbMax)];
}

async function withStage(work: (stage: Stage) => Promise<void>): Promise<void> {
  const stage = await openStage();
  await work(stage).finally(stage.close);
}

/** Resolves to the most sessions that the relay had at once. */
async function moveSideBySide({ rig }: Stage): Promise<number> {
  const names = Array.from({ length: stacks }, (_, index) => `side${index}`);
  const volumes = Array.from({ length: volumesEach }, (_, index) => `v${index}`);
  for (const name of names) {
    await rig.up(name, { 'compose.yaml': composeFile(volumes) });
    for (const volume of volumes) await randomFile(96)(await mountpoint('a', `${name}_${volume}`));
  }
  await quiet();
  let most = 0;
  const counters = z.object({ sessions: z.number() });
  const timer = setInterval(async () => {
    const answer = await fetch(rig.relayStatusUrl).catch(() => null);
    if (answer) most = Math.max(most, counters.parse(await answer.json()).sessions);
  }, 100);
  await Promise.all(names.map((name) => move(rig, name))).finally(() => clearInterval(timer));
  note(`${stacks} stacks moved side by side, at most ${most} sessions at once`);
  return most;
}

const composeFile = (volumes: string[]) => `
services:
  app:
    image: sf-busybox:1
    command: [sleep, "100000"]
    init: true
    volumes: [${volumes.map((volume) => `"${volume}:/${volume}"`).join(', ')}]
volumes: { ${volumes.map((volume) => `${volume}: {}`).join(', ')} }
`;

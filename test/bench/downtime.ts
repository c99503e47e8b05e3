import { addressOf, compose, mountpoint, type Project, removeContainers } from '../docker/two-hosts.ts';
import { type Case, cases, type Scene } from './downtime-cases.ts';
import { startProbe } from './probe.ts';
import { type Comparison, compare, machine, type Result } from './result.ts';
import { move, note, noteSteps, openStage, quiet, type Stage, sweep } from './stage.ts';
import { moveByHand } from './tiny.ts';

/** A probe asks every 10 ms and waits 100 ms for an answer: less than this above the floor, or below it, counts as this. */
const leastS = 0.1;

/** Seconds without an answer, from either host, while `act` runs and the volume is written. */
export async function dark(
  stage: Stage,
  { question, ...one }: Scene,
  name: string,
  act: (dir: string, project: Project) => Promise<void>,
) {
  const project = await stage.rig.up(name, { 'compose.yaml': one.compose });
  const dir = await mountpoint('a', `${name}_data`);
  await one.fill(dir, name);
  await quiet();
  const probe = startProbe([addressOf.a, addressOf.b], question);
  const writer = one.write(name);
  await act(dir, project);
  await new Promise((resolve) => setTimeout(resolve, 1_000));
  writer.stop();
  await probe.stop();
  for (const host of ['a', 'b'] as const) await removeContainers(host);
  return probe.longestGapS();
}

export type Run = (dir: string, project: Project) => Promise<unknown>;

/** What ours is compared with: the floor, which nothing moves, and a good script. */
export const peersOf = (stage: Stage) => ({
  floor: (_dir: string, project: Project) =>
    compose('a', project, 'stop').then(() => compose('a', project, 'up', '-d', '--wait')),
  hand: (dir: string, { name }: Project) => moveByHand(stage, name, dir),
});

/** Seconds without an answer of each of the runs, which alternate. */
export async function inTurns<Kind extends string>(
  stage: Stage,
  { name, ...scene }: Case,
  runs: Record<Kind, Run>,
  rounds: number,
): Promise<Record<Kind, number[]>> {
  const kinds = Object.keys(runs) as Kind[];
  const times = Object.fromEntries(kinds.map((kind) => [kind, [] as number[]])) as Record<Kind, number[]>;
  for (let round = 0; round < rounds; round++)
    for (const kind of kinds) {
      const act = async (dir: string, project: Project) => void (await runs[kind](dir, project));
      times[kind].push(await dark(stage, scene, `dark${++count}`, act));
      note(`${name}, round ${round + 1} of ${rounds}, ${kind}: dark ${times[kind].at(-1)?.toFixed(2)} s`);
    }
  await sweep();
  return times;
}
let count = 0;

/** The script by hand against one kind of ours, both above the floor. */
export const byHand = <Kind extends string>(
  of: string,
  times: Record<Kind | 'floor' | 'hand', number[]>,
  kind: Kind,
  goal: number,
): Comparison => {
  const above = (all: number[]) => all.map((s, round) => Math.max(leastS, s - times.floor[round]!));
  return compare(`${of}, above the floor`, above(times[kind]), above(times.hand), goal);
};

const moved = async ({ rig }: Stage, name: string, options?: Record<string, unknown>) =>
  noteSteps(await move(rig, name, options));

export async function downtime(rounds = 3, only = ''): Promise<Result> {
  const stage = await openStage();
  const peers: Result['peers'] = [];
  const runs = {
    ...peersOf(stage),
    stop: (_dir: string, { name }: Project) => moved(stage, name),
    manifest: (_dir: string, { name }: Project) => moved(stage, name, { mode: 'pre-copy', verify: 'manifest' }),
    content: (_dir: string, { name }: Project) => moved(stage, name, { mode: 'pre-copy' }),
  };
  try {
    for (const one of cases.filter(({ name }) => name.startsWith(only))) {
      const times = await inTurns(stage, one, runs, rounds);
      const { stopCopy, preCopy, content, floor } = one.goals;
      peers.push(
        byHand(`${one.name}: by hand, against stop-copy`, times, 'stop', stopCopy),
        byHand(`${one.name}: by hand, against pre-copy (manifest)`, times, 'manifest', preCopy),
        byHand(`${one.name}: by hand, against pre-copy (content)`, times, 'content', content),
      );
      if (floor)
        peers.push(
          compare(`${one.name}: the floor, against pre-copy (manifest), in all`, times.manifest, times.floor, floor),
        );
    }
    return { name: 'downtime', machine: machine(), peers, memory_mb: {} };
  } finally {
    await stage.close();
  }
}

import { addressOf, compose, mountpoint, type Project, removeContainers } from '../docker/two-hosts.ts';
import { cases, type Scene } from './downtime-cases.ts';
import { startProbe } from './probe.ts';
import { compare, machine, type Result } from './result.ts';
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

const moved = async ({ rig }: Stage, name: string, options?: Record<string, unknown>) =>
  noteSteps(await move(rig, name, options));

export async function downtime(rounds = 3, only = ''): Promise<Result> {
  const stage = await openStage();
  const peers: Result['peers'] = [];
  let count = 0;
  try {
    for (const one of cases.filter(({ name }) => name.startsWith(only))) {
      const runs = {
        floor: (_dir: string, project: Project) =>
          compose('a', project, 'stop').then(() => compose('a', project, 'up', '-d', '--wait')),
        hand: (dir: string, project: Project) => moveByHand(stage, project.name, dir),
        stop: (_dir: string, { name }: Project) => moved(stage, name),
        manifest: (_dir: string, { name }: Project) => moved(stage, name, { mode: 'pre-copy', verify: 'manifest' }),
        content: (_dir: string, { name }: Project) => moved(stage, name, { mode: 'pre-copy' }),
      };
      const times = Object.fromEntries(Object.keys(runs).map((kind) => [kind, [] as number[]])) as {
        [K in keyof typeof runs]: number[];
      };
      for (let round = 0; round < rounds; round++)
        for (const [kind, run] of Object.entries(runs) as [keyof typeof runs, (typeof runs)['floor']][]) {
          const act = async (dir: string, project: Project) => void (await run(dir, project));
          times[kind].push(await dark(stage, one, `dark${++count}`, act));
          note(`${one.name}, round ${round + 1} of ${rounds}, ${kind}: dark ${times[kind].at(-1)?.toFixed(2)} s`);
        }
      await sweep();
      const above = (kind: keyof typeof runs) =>
        times[kind].map((s, round) => Math.max(leastS, s - times.floor[round]!));
      const { stopCopy, preCopy, content, floor } = one.goals;
      peers.push(
        compare(`${one.name}: by hand, against stop-copy, above the floor`, above('stop'), above('hand'), stopCopy),
        compare(
          `${one.name}: by hand, against pre-copy (manifest), above the floor`,
          above('manifest'),
          above('hand'),
          preCopy,
        ),
        compare(
          `${one.name}: by hand, against pre-copy (content), above the floor`,
          above('content'),
          above('hand'),
          content,
        ),
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

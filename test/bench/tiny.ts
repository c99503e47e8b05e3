import { compose, mountpoint } from '../docker/two-hosts.ts';
import { randomFile } from './fillings.ts';
import { compare, machine, type Result } from './result.ts';
import { move, note, noteSteps, openStage, peaks, quiet, stackWithVolume } from './stage.ts';

/** Goals: without a healthcheck it has to stay up for a settle time before it counts as well; who does it by hand does not wait. */
const kinds = {
  'with a healthcheck': { goal: 0.9, stack: { health: 'true' } },
  'without a healthcheck, a port': { goal: 0.6, stack: { ports: '80', command: 'httpd, "-f", "-p", "80"' } },
  'without a healthcheck or a port': { goal: 0.3, stack: {} },
};

/** A stack with 1 MB: from POST to `completed`, against what a careful person types. */
export async function tiny(rounds = 3): Promise<Result> {
  const stage = await openStage();
  const { rig } = stage;
  const peers: Result['peers'] = [];
  try {
    for (const [index, [kind, { goal, stack: options }]] of Object.entries(kinds).entries()) {
      const ours: number[] = [];
      const theirs: number[] = [];
      for (let round = 0; round < rounds; round++) {
        const stack = `tiny${index}${round}`;
        await stackWithVolume(rig, stack, randomFile(1), options);
        await quiet();
        const began = performance.now();
        const migration = await move(rig, stack);
        ours.push((performance.now() - began) / 1000);
        noteSteps(migration);

        const byHand = `hand${index}${round}`;
        const from = await stackWithVolume(rig, byHand, randomFile(1), options);
        await quiet();
        theirs.push(await moveByHand(stage, byHand, from));
        note(`${kind}, round ${round + 1}: ours ${ours[round]?.toFixed(2)} s, by hand ${theirs[round]?.toFixed(2)} s`);
      }
      peers.push(compare(`compose stop, tar | ssh | tar, compose up --wait; ${kind}`, ours, theirs, goal));
    }
    return { name: 'tiny', machine: machine(), peers, memory_mb: await peaks(rig) };
  } finally {
    await stage.close();
  }
}

/** Stop, copy the volume and the project, up: the good hand script. Resolves to the seconds it took. */
export async function moveByHand(
  { rig, ssh }: Awaited<ReturnType<typeof openStage>>,
  name: string,
  from: string,
): Promise<number> {
  const project = { name, dir: `${rig.dir}/stacks-a/${name}`, composeFiles: ['compose.yaml'] };
  const moved = rig.moved(project, 'b');
  const began = performance.now();
  await compose('a', project, 'stop');
  await ssh.time(`tar -C ${project.dir} -c . | ${ssh.command} 'mkdir -p ${moved.dir} && tar -C ${moved.dir} -x'`);
  await compose('b', moved, 'create');
  const to = await mountpoint('b', `${name}_data`);
  await ssh.time(`tar -C ${from} -c . | ${ssh.command} 'tar -C ${to} -x && sync -f ${to}'`);
  await compose('b', moved, 'up', '-d', '--wait');
  return (performance.now() - began) / 1000;
}

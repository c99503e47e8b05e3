import { afterAll, beforeAll, it } from 'vitest';
import { describeDocker } from '../docker/use-docker-rig.ts';
import { catalogue, inEachRun } from './catalogue/index.ts';
import { inParallel } from './in-parallel.ts';
import {
  asksForExactly,
  bringUp,
  type MoveRig,
  movesAndComesBack,
  type Running,
  startMoveRig,
  staysRefused,
  takeDown,
} from './move-rig.ts';

const asked = process.env.STACKFERRY_STACKS?.split(',') ?? inEachRun;
const stacks = Object.entries(catalogue).filter(([name]) => asked.includes('all') || asked.includes(name));

/**
 * Stacks of the catalogue there and back between two real engines. Those that ask for powers are first refused by an
 * agent that lets none in.
 */
describeDocker('stacks of the kinds that people run', () => {
  let rig: MoveRig;
  const ups = new Map<string, Promise<Running>>();
  const refusals = new Map<string, Promise<void>>();

  beforeAll(async () => {
    rig = await startMoveRig(catalogue);
    await rig.hosts.b.stop();
    const strict = await rig.addAgent('strict', 'b');
    await inParallel(
      stacks.filter(([, { needs }]) => needs?.allow),
      async ([name, stack]) => {
        const up = bringUp(rig, name, stack);
        ups.set(name, up);
        const refusal = up.then((it) => asksForExactly(rig, name, strict, stack.needs!, it));
        refusals.set(name, refusal);
        await refusal.catch(() => {});
      },
    );
    await strict.stop();
    await rig.hosts.b.restart();
  }, 600_000);
  afterAll(() => rig?.close(), 180_000);

  it.concurrent.each(stacks)('%s', async (name, stack) => {
    try {
      const up = await (ups.get(name) ?? bringUp(rig, name, stack));
      if (stack.refused) return await staysRefused(rig, name, stack, up);
      // One that needs nothing shows it by moving.
      if (stack.needs) await (refusals.get(name) ?? asksForExactly(rig, name, rig.hosts.b, stack.needs, up));
      await movesAndComesBack(rig, name, stack, up);
    } finally {
      await takeDown(name);
    }
  });
});

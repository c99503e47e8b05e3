import { StackferryError } from '../../../schema/errors.ts';
import { isPath } from '../../engine/tree.ts';
import type { CommandHandler } from '../runner/context.ts';
import { seenContainers } from '../seen-containers.ts';
import { carryLanes } from './carry-lanes.ts';
import { learnContents } from './learn-contents.ts';
import { leavingTree } from './leaving-tree.ts';
import { forgetRounds } from './pass-lanes.ts';
import { assertProjectDirectory } from './project-lane.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Runs a round of passes over the running stack, on top of the ones before. Says what the stack is by then. */
export const passSource: CommandHandler<'pass_source'> = async (payload, context) => {
  const { project, peer, items, blocks, project_lane, contents } = payload;
  const { engine, migrationId } = context;
  const warm = warmCopiesOf(engine);
  const began = performance.now();
  if ((await seenContainers(project, engine)).length === 0)
    throw new StackferryError('stack_not_found', `No containers of the stack "${project}" are on this host any more.`);
  if (project_lane) await assertProjectDirectory(project, project_lane.directory, context);
  await engine.assertBindMounts(project, items.map(({ volume }) => volume).filter(isPath));
  const trees = [...items, ...(project_lane ? [{ lane: project_lane.lane, volume: project_lane.directory }] : [])].map(
    ({ lane, volume }) => ({ lane, tree: leavingTree(volume, context) }),
  );
  await forgetRounds(
    trees.map(({ lane }) => lane),
    context,
  );
  // After a failure the next round goes on from what the target has.
  const passages = await carryLanes(
    { project, role: 'source', peer },
    trees.map(({ lane, tree }) => ({
      lane,
      total: null,
      carry: async (end) => {
        const copy = await warm.source(tree, migrationId, blocks);
        const passed = await context.lanes.send({ ...end, source: copy.more });
        copy.arrived();
        await learnContents(tree, contents, true, context, end.signal);
        return passed;
      },
    })),
    context,
  );
  const ms = Math.round(performance.now() - began);
  const passes = items.map(async ({ volume }) => {
    const report = (await warm.source(leavingTree(volume, context), migrationId, blocks)).report();
    return { volume, bytes: report.map(({ bytes }) => bytes), ms: report.map((pass) => Math.round(pass.ms)) };
  });
  return { passages, passes: await Promise.all(passes), ms, containers: await seenContainers(project, engine) };
};

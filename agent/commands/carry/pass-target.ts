import { treeOf } from '../../engine/tree.ts';
import { assertMadeDirectory } from '../prepare/made-volume.ts';
import { unstage } from '../prepare/staged.ts';
import type { CommandHandler } from '../runner/context.ts';
import { carryLanes } from './carry-lanes.ts';
import { learnContents } from './learn-contents.ts';
import { warmTargetOf } from './made-trees.ts';
import { forgetRounds } from './pass-lanes.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Applies a round of passes. A volume that comes whole again is recreated, so the containers made for it go first. */
export const passTarget: CommandHandler<'pass_target'> = async (payload, context) => {
  const { project, peer, items, project_lane, contents } = payload;
  const { engine, migrationId } = context;
  if (project_lane) assertMadeDirectory(project_lane.directory, context);
  // Several lanes may need it at once.
  let vacated: Promise<void> | null = null;
  const vacate = () => {
    vacated ??= unstage(context);
    return vacated;
  };
  const volumes = items.map(({ lane, volume }) => ({
    lane,
    tree: treeOf(volume),
    target: () => warmTargetOf(volume, context),
  }));
  const directories = (project_lane ? [project_lane] : []).map(({ lane, directory }) => ({
    lane,
    tree: treeOf(directory),
    target: () => warmCopiesOf(engine).targetDirectory(directory, migrationId),
  }));
  const trees = [...volumes, ...directories];
  await forgetRounds(
    trees.map(({ lane }) => lane),
    context,
  );
  const passages = await carryLanes(
    { project, role: 'target', peer },
    trees.map(({ lane, tree, target }) => ({
      lane,
      total: null,
      carry: async (end) => {
        const passed = await context.lanes.receive({ ...end, sink: target().passes(vacate) });
        await learnContents(tree, contents, false, context, end.signal);
        return passed;
      },
    })),
    context,
  );
  return { passages, expects_source: true };
};

import { treeOf } from '../../engine/tree.ts';
import { unstage } from '../prepare/staged.ts';
import type { CommandHandler } from '../runner/context.ts';
import { carryProvenLanes } from './carry-lanes.ts';
import { contentsOf } from './contents-of.ts';
import { warmTargetOf, wholeTarget } from './made-trees.ts';
import { stagedContents } from './project-lane.ts';

/**
 * Receives each volume or bind mount into the empty place that `prepare_target` created, or only the changes since the
 * pre-copy.
 */
export const receiveVolumes: CommandHandler<'receive_volumes'> = async (payload, context) => {
  const { project, peer, items, changes, staged_dir } = payload;
  const { engine, migrationId, signal } = context;
  // Several lanes may need to recreate their volume at once, but the staged containers are removed only once.
  let vacated: Promise<void> | null = null;
  const vacate = () => {
    vacated ??= unstage(context);
    return vacated;
  };
  // A hold may have lasted for days: what was staged is read again.
  const staged = staged_dir === null ? null : engine.manifest(treeOf(staged_dir), migrationId, stagedContents, signal);
  staged?.catch(() => {});
  const proofs = await carryProvenLanes(
    { project, role: 'target', peer },
    items.map(({ lane, volume }) => ({
      lane,
      total: null,
      carry: async (end) => {
        const sink = changes
          ? warmTargetOf(volume, context).rest(vacate)
          : wholeTarget({ project, source: peer }, volume, context);
        if (!changes) await vacate();
        // An earlier run, or a pre-copy, may have left data.
        if (!end.earlier) await sink.reset();
        return context.lanes.receive({ ...end, sink });
      },
      tree: treeOf(volume),
      contents: contentsOf(payload),
    })),
    context,
  );
  return { proofs, staged: await staged };
};

import { carryProvenLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { madeVolume } from './made-volume.ts';
import { unstage } from './staged.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Receives each volume into the empty one that `prepare_target` made, or the changes since the passes into what they left. */
export const receiveVolumes: CommandHandler<'receive_volumes'> = async (payload, context) => {
  const { project, peer, items, changes, contents } = payload;
  const { engine, migrationId } = context;
  // The volumes that have to be made anew come side by side, and share what was staged.
  let vacated: Promise<void> | null = null;
  const vacate = () => {
    vacated ??= unstage(context);
    return vacated;
  };
  const proofs = await carryProvenLanes(
    { project, role: 'target', peer },
    items.map(({ lane, volume }) => ({
      lane,
      total: null,
      carry: async (end) => {
        const spec = madeVolume(volume, context);
        const sink = changes
          ? warmCopiesOf(engine).target(spec, migrationId).rest(vacate)
          : engine.unpackVolume(spec, migrationId);
        if (!changes) await vacate();
        // An earlier run of this command, or of another way, may have left something.
        await sink.reset();
        return context.lanes.receive({ ...end, sink });
      },
      manifest: () => engine.manifestVolume(volume, migrationId, contents),
    })),
    context,
  );
  return { proofs };
};

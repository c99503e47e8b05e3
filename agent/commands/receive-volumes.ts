import { StackferryError } from '../../schema/errors.ts';
import { carryLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';

/** Receives each volume into the empty one that `prepare_target` made. */
export const receiveVolumes: CommandHandler<'receive_volumes'> = async ({ project, peer, items }, context) => {
  const { engine, ledger, migrationId, signal } = context;
  const entry = ledger.find(migrationId);
  const specOf = (name: string) => {
    const spec = entry?.volumes.find((volume) => volume.name === name);
    const made = entry?.created.volumes.includes(name) ?? false;
    if (spec && made) return spec;
    throw new StackferryError(
      'command_failed',
      `The volume "${name}" was not made by this migration, so nothing may be unpacked into it.`,
    );
  };
  const proofs = await carryLanes(
    { migration_id: migrationId, project, role: 'target' },
    items.map(({ lane, volume }) => ({
      lane,
      total: null,
      carry: async (onProgress) => {
        const sink = engine.unpackVolume(specOf(volume), migrationId);
        // An earlier run of this command may have been cut off half way.
        await sink.reset();
        return context.lanes.receive({ migrationId, peer, lane, sink, onProgress, signal });
      },
      manifest: () => engine.manifestVolume(volume, migrationId),
    })),
    context,
  );
  return { proofs };
};

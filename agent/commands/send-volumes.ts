import { carryLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { assertSourceAtRest } from './source-at-rest.ts';

/** Sends each volume of the stopped stack, then proves what was sent by its manifest and by the stack's rest. */
export const sendVolumes: CommandHandler<'send_volumes'> = async ({ project, peer, items }, context) => {
  const { engine, ledger, migrationId, signal } = context;
  await assertSourceAtRest(project, context);
  const sizes = ledger.find(migrationId)?.sizes ?? {};
  const proofs = await carryLanes(
    { migration_id: migrationId, project, role: 'source' },
    items.map(({ lane, volume }) => ({
      lane,
      total: sizes[volume] ?? null,
      carry: (onProgress) =>
        context.lanes.send({
          migrationId,
          peer,
          lane,
          source: engine.packVolume(volume, migrationId),
          onProgress,
          signal,
        }),
      manifest: () => engine.manifestVolume(volume, migrationId),
    })),
    context,
  );
  await assertSourceAtRest(project, context);
  return { proofs };
};

import { carryProvenLanes } from './carry-lanes.ts';
import type { CommandHandler } from './context.ts';
import { assertSourceAtRest } from './source-at-rest.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Sends each volume of the stopped stack, then proves what was sent by its manifest and by the stack's rest. */
export const sendVolumes: CommandHandler<'send_volumes'> = async (payload, context) => {
  const { project, peer, items, changes, contents, blocks } = payload;
  const { engine, ledger, migrationId } = context;
  await assertSourceAtRest(project, context);
  const sizes = ledger.find(migrationId)?.sizes ?? {};
  const sourceOf = async (volume: string) =>
    changes
      ? (await warmCopiesOf(engine).source(volume, migrationId, blocks)).rest
      : engine.packVolume(volume, migrationId);
  const proofs = await carryProvenLanes(
    { project, role: 'source', peer },
    items.map(({ lane, volume }) => ({
      lane,
      total: changes ? null : (sizes[volume] ?? null),
      carry: async (end) => context.lanes.send({ ...end, source: await sourceOf(volume) }),
      manifest: () => engine.manifestVolume(volume, migrationId, contents),
    })),
    context,
  );
  await assertSourceAtRest(project, context);
  return { proofs };
};

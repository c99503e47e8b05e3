import type { Manifest } from '../engine/engine.ts';
import { carryProvenLanes } from './carry-lanes.ts';
import type { CommandContext, CommandHandler } from './context.ts';
import { assertProjectDirectory, stagedLane } from './project-lane.ts';
import { assertSourceAtRest } from './source-at-rest.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Sends each volume of the stopped stack, then proves what was sent by its manifest and by the stack's rest. */
export const sendVolumes: CommandHandler<'send_volumes'> = async (payload, context) => {
  const { project, peer, items, changes, contents, blocks, staged_dir } = payload;
  const { engine, ledger, migrationId } = context;
  await assertSourceAtRest(project, context);
  const sizes = ledger.find(migrationId)?.sizes ?? {};
  const sourceOf = async (volume: string) =>
    changes
      ? (await warmCopiesOf(engine).source({ volume }, migrationId, blocks)).rest
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
  // The target still reads its side.
  const staged = staged_dir === null ? null : await readStaged(project, staged_dir, context);
  await assertSourceAtRest(project, context);
  return { proofs, staged };
};

/** The directory that was sent while the stack ran, as it is now: recorded, since it may be what was moved. */
async function readStaged(project: string, directory: string, context: CommandContext): Promise<Manifest> {
  const { engine, ledger, migrationId } = context;
  await assertProjectDirectory(project, directory, context);
  const manifest = await engine.manifestProject(directory, project, migrationId, true);
  await ledger.amend(migrationId, ({ lanes }) => {
    const lane = lanes[stagedLane];
    if (lane) lane.manifest = manifest;
  });
  return manifest;
}

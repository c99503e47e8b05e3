import type { Manifest } from '../../engine/engine.ts';
import { isPath } from '../../engine/tree.ts';
import { assertSourceAtRest } from '../cutover/rest.ts';
import type { CommandContext, CommandHandler } from '../runner/context.ts';
import { carryProvenLanes } from './carry-lanes.ts';
import { contentsOf } from './contents-of.ts';
import { leavingTree } from './leaving-tree.ts';
import { assertProjectDirectory, stagedContents, stagedLane } from './project-lane.ts';
import { warmCopiesOf } from './warm-copies-of.ts';

/** Sends each volume and bind mount of the stopped stack, then checks that the stack stayed at rest. */
export const sendVolumes: CommandHandler<'send_volumes'> = async (payload, context) => {
  const { project, peer, items, changes, blocks, staged_dir } = payload;
  const { engine, ledger, migrationId } = context;
  await assertSourceAtRest(project, context);
  await engine.assertBindMounts(project, items.map(({ volume }) => volume).filter(isPath));
  const sizes = ledger.find(migrationId)?.sizes ?? {};
  const sourceOf = async (volume: string) =>
    changes
      ? (await warmCopiesOf(engine).source(leavingTree(volume, context), migrationId, blocks)).rest
      : engine.pack(leavingTree(volume, context), migrationId);
  const proofs = await carryProvenLanes(
    { project, role: 'source', peer },
    items.map(({ lane, volume }) => ({
      lane,
      total: changes ? null : (sizes[volume] ?? null),
      carry: async (end) => context.lanes.send({ ...end, source: await sourceOf(volume) }),
      tree: leavingTree(volume, context),
      contents: contentsOf(payload),
    })),
    context,
  );
  // Done while the target still reads its side.
  const staged = staged_dir === null ? null : await readStaged(project, staged_dir, context);
  await assertSourceAtRest(project, context);
  return { proofs, staged };
};

/** Reads the staged directory again after the stop, and records its manifest: this may be what was moved. */
async function readStaged(project: string, directory: string, context: CommandContext): Promise<Manifest> {
  const { engine, ledger, migrationId } = context;
  await assertProjectDirectory(project, directory, context);
  const manifest = await engine.manifest(leavingTree(directory, context), migrationId, stagedContents, context.signal);
  await ledger.amend(migrationId, ({ lanes }) => {
    const lane = lanes[stagedLane];
    if (lane) lane.manifest = { ...manifest, contents: stagedContents };
  });
  return manifest;
}

import { changesLane } from '../../schema/agent-protocol.ts';
import { isInside } from '../compose/project.ts';
import type { LedgerEntry } from '../migration-ledger.ts';
import { idsOf } from './container-states.ts';
import type { CommandContext, CommandHandler } from './context.ts';
import { oneOffsOf } from './data-users.ts';
import { projectLane, stagedLane } from './project-lane.ts';
import { forgetImages } from './put-back.ts';
import { assertNoOtherCopy } from './retained-copy.ts';

/**
 * Removes what the migration recorded as its source: its containers, networks and volumes, and the project directory if
 * it holds exactly what was moved. What differs, or is somebody else's too, stays and is named.
 */
export const purgeSource: CommandHandler<'purge_source'> = async ({ deployment, volumes }, context) => {
  const { engine, ledger, migrationId } = context;
  const { project, source_dir } = deployment;
  const entry = ledger.find(migrationId);
  if (!entry?.prior)
    return {
      removed: [],
      remaining: [{ what: 'all', why: 'this host has no record of it; look and delete it by hand' }],
    };
  await assertNoOtherCopy(project, entry.prior, context);
  const obstacle = await directoryObstacle(entry, source_dir, context);
  const { removed, remaining } = await engine.purge(
    {
      containers: [...idsOf(entry.prior), ...entry.created.containers, ...(await oneOffsOf(entry, engine))],
      networks: await engine.projectNetworks(project),
      volumes,
      paths: obstacle ? [] : [source_dir],
      marks: entry.marks,
    },
    migrationId,
  );
  await forgetImages(context);
  return { removed, remaining: obstacle ? [...remaining, { what: source_dir, why: obstacle }] : remaining };
};

/** Why the project directory must stay, null where it may go. */
async function directoryObstacle(
  entry: LedgerEntry,
  directory: string,
  context: CommandContext,
): Promise<string | null> {
  const { engine, ledger, migrationId, paths } = context;
  if ((await engine.missing({ volumes: [], paths: [directory] })).length > 0) return null;
  const own = await paths.real(directory);
  for (const { project, working_dir } of await engine.stacks()) {
    const other = await paths.real(working_dir);
    if (project !== entry.project && (isInside(own, other) || isInside(other, own)))
      return `the stack "${project}" uses it too`;
  }
  const mounts = await paths.mountsBelow(directory);
  if (mounts.length > 0) return `something else is mounted in it: ${mounts.join(', ')}`;
  if (entry.purging.includes(directory)) return null;
  const { [projectLane]: sent, [changesLane]: changed, [stagedLane]: staged } = entry.lanes;
  const moved = (sent ?? changed ?? staged)?.manifest;
  const manifest = (contents: boolean) => engine.manifestProject(directory, entry.project, migrationId, contents);
  // What went whole after the stop was proven without the contents; of the others it depends.
  const isMoved = async () => {
    for (const contents of sent ? [false] : [true, false]) {
      const now = await manifest(contents);
      if (moved?.sha256 === now.sha256 && moved.entries === now.entries) return true;
    }
    return false;
  };
  const same = await isMoved().catch((error: Error) => error);
  if (same instanceof Error) return same.message;
  if (!same) return 'it is no longer what was moved: look what changed in it, and delete it by hand';
  await ledger.amend(migrationId, (draft) => {
    draft.purging.push(directory);
  });
  return null;
}

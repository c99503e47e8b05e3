import { changesLane, wholeProjectLane } from '../../../schema/commands/parts.ts';
import type { ContentDigestName } from '../../../schema/content-digest.ts';
import { isInside } from '../../compose/project.ts';
import type { Removal } from '../../engine/engine.ts';
import type { LedgerEntry } from '../../migration-ledger.ts';
import { leavingTree } from '../carry/leaving-tree.ts';
import { stagedLane } from '../carry/project-lane.ts';
import { idsOf } from '../cutover/container-states.ts';
import { oneOffsOf } from '../cutover/data-users.ts';
import { forgetImages } from '../cutover/put-back.ts';
import type { CommandContext, CommandHandler } from '../runner/context.ts';
import { assertNoOtherCopy } from './retained-copy.ts';
import { keptForWrites } from './written-since.ts';

/**
 * Removes the stack's recorded containers, networks and volumes on the source, and the project directory and the bind
 * mounts' directories if they hold exactly what was moved. Anything that differs, is shared with others, or was written
 * since, stays and is reported. What the migration left out stays too, with the directories that it is in.
 */
export const purgeSource: CommandHandler<'purge_source'> = async (payload, context) => {
  const { deployment, volumes, binds, copy_ran } = payload;
  const { engine, ledger, migrationId } = context;
  const { project, source_dir } = deployment;
  const entry = ledger.find(migrationId);
  if (!entry?.prior)
    return {
      removed: [],
      left_out: [],
      remaining: [{ what: 'all', why: 'this host has no record of it; check and delete it by hand' }],
    };
  await assertNoOtherCopy(project, entry.prior, context, entry.created.containers);
  const recorded = binds.filter((path) => entry.data?.binds.includes(path));
  const kept = await keptForWrites([...volumes, ...recorded], copy_ran, context);
  const directories = [
    { path: source_dir, isMoved: () => projectAsMoved(entry, source_dir, context) },
    ...(kept.length > 0 ? [] : recorded).map((path) => ({ path, isMoved: () => bindAsMoved(entry, path, context) })),
  ];
  const stay: Removal['remaining'] = [];
  const due = directories.filter(({ path }) => !entry.left_behind.includes(path));
  for (const { path, isMoved } of due) {
    const why = await directoryObstacle(entry, path, isMoved, context);
    if (why !== null) stay.push({ what: path, why });
  }
  const {
    removed,
    remaining,
    left_out = [],
  } = await engine.purge(
    {
      containers: [...idsOf(entry.prior), ...entry.created.containers, ...(await oneOffsOf(entry, engine))],
      networks: await engine.projectNetworks(project),
      volumes: kept.length > 0 ? [] : volumes,
      paths: due.map(({ path }) => path).filter((path) => !stay.some(({ what }) => what === path)),
      marks: { ...Object.fromEntries(byOptions(volumes, entry).map((name) => [name, ''])), ...entry.marks },
      exclude: entry.data?.exclude ?? [],
    },
    migrationId,
  );
  // What stayed may change until the next try, which compares it again.
  await ledger.amend(migrationId, (draft) => {
    for (const { what } of remaining) delete draft.purging_marks[what];
    draft.left_behind.push(...left_out);
  });
  await forgetImages(context);
  return { removed, left_out: [...entry.left_behind, ...left_out], remaining: [...remaining, ...kept, ...stay] };
};

/** Volumes that were not measured, since they have no data of their own: a plain one of such a name is another. */
const byOptions = (volumes: string[], { data }: LedgerEntry) =>
  data ? volumes.filter((name) => !data.volumes.includes(name)) : [];

/** Returns why a directory must stay, null if it may be deleted. */
async function directoryObstacle(
  entry: LedgerEntry,
  directory: string,
  isMoved: () => Promise<boolean>,
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
  const users = (await engine.mountersOf?.(directory, entry.project)) ?? [];
  if (users.length > 0) return `container ${users.join(', ')} mounts it`;
  const mounts = await paths.mountsBelow(directory);
  if (mounts.length > 0) return `something else is mounted in it: ${mounts.join(', ')}`;
  const mark = await paths.mark(own);
  if (entry.purging.includes(directory) && mark !== null && entry.purging_marks[directory] === mark) return null;
  const same = await isMoved().catch((error: Error) => error);
  if (same instanceof Error) return same.message;
  if (!same) return 'it is no longer what was moved: check what changed, and delete it by hand';
  await ledger.amend(migrationId, (draft) => {
    if (!draft.purging.includes(directory)) draft.purging.push(directory);
    if (mark !== null) draft.purging_marks[directory] = mark;
  });
  return null;
}

function projectAsMoved(entry: LedgerEntry, directory: string, context: CommandContext): Promise<boolean> {
  const { [wholeProjectLane]: sent, [changesLane]: changed, [stagedLane]: staged } = entry.lanes;
  return isAnyOf([(sent ?? changed ?? staged)?.manifest ?? null], directory, context);
}

/** True if it is what any lane carried: equal trees are equally moved. */
const bindAsMoved = (entry: LedgerEntry, directory: string, context: CommandContext): Promise<boolean> =>
  isAnyOf(
    Object.values(entry.lanes).map(({ manifest }) => manifest),
    directory,
    context,
  );

type MovedManifest = LedgerEntry['lanes'][string]['manifest'];

async function isAnyOf(moved: MovedManifest[], directory: string, context: CommandContext): Promise<boolean> {
  const { engine, migrationId } = context;
  for (const contents of new Set(moved.flatMap(possibleContents))) {
    const now = await engine.manifest(leavingTree(directory, context), migrationId, contents, context.signal);
    if (moved.some((one) => one?.sha256 === now.sha256 && one.entries === now.entries)) return true;
  }
  return false;
}

/** Which contents the manifest may include: the previous release did not record it. */
function possibleContents(manifest: MovedManifest): (ContentDigestName | null)[] {
  if (manifest === null) return [];
  return manifest.contents === undefined ? [null, 'sha256'] : [manifest.contents];
}

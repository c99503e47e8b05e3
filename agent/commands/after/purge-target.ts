import { StackferryError } from '../../../schema/errors.ts';
import { tenancyOf } from '../../tenancy.ts';
import { idsOf } from '../cutover/container-states.ts';
import { oneOffsOf } from '../cutover/data-users.ts';
import { forgetImages } from '../cutover/put-back.ts';
import type { CommandHandler } from '../runner/context.ts';
import { assertNoOtherCopy } from './retained-copy.ts';
import { keptForWrites } from './written-since.ts';

/** Removes what a rolled-back migration created here, and the containers that were here when it was stopped. */
export const purgeTarget: CommandHandler<'purge_target'> = async ({ project, copy_ran }, context) => {
  const { engine, ledger, migrationId } = context;
  const entry = ledger.find(migrationId);
  if (!entry || tenancyOf(entry) !== 'retained')
    throw new StackferryError(
      'stack_running',
      'This host has no record that the stack was stopped here by a rollback.',
    );
  const { created, prior } = entry;
  await assertNoOtherCopy(project, prior ?? [], context, created.containers);
  const kept = await keptForWrites([...created.volumes, ...entry.binds], copy_ran, context);
  const [volumes, paths] =
    kept.length > 0
      ? [[], created.paths.filter((path) => !entry.binds.includes(path))]
      : [created.volumes, created.paths];
  const others = [...idsOf(prior ?? []), ...(await oneOffsOf(entry, engine))];
  const containers = [...new Set([...created.containers, ...others])];
  const networks = await engine.projectNetworks(project);
  const removals = [
    await engine.purge({ containers, networks, volumes: [], paths: [], marks: {} }, migrationId),
    // Volumes and directories are checked for their creator: others may have taken their names since.
    await engine.remove({ volumes, paths, containers: [], networks: [] }, migrationId),
  ];
  await engine.removeNetworks?.(entry.networks, migrationId);
  await forgetImages(context);
  return {
    removed: removals.flatMap(({ removed }) => removed),
    left_out: [],
    remaining: [...removals.flatMap(({ remaining }) => remaining), ...kept],
  };
};

import { StackferryError } from '../../schema/errors.ts';
import { idsOf } from './container-states.ts';
import type { CommandHandler } from './context.ts';
import { oneOffsOf } from './data-users.ts';
import { forgetImages } from './put-back.ts';
import { assertNoOtherCopy } from './retained-copy.ts';

/** Removes what a rolled back migration left here: what it made, and the containers that stood here when it was stopped. */
export const purgeTarget: CommandHandler<'purge_target'> = async ({ project }, context) => {
  const { engine, ledger, migrationId } = context;
  const entry = ledger.find(migrationId);
  if (!entry?.halted)
    throw new StackferryError(
      'stack_running',
      'This host has no record that the stack was stopped here by a rollback.',
    );
  const { created, prior } = entry;
  await assertNoOtherCopy(project, prior ?? [], context, created.containers);
  const others = [...idsOf(prior ?? []), ...(await oneOffsOf(entry, engine))];
  const containers = [...new Set([...created.containers, ...others])];
  const networks = await engine.projectNetworks(project);
  const removals = [
    await engine.purge({ containers, networks, volumes: [], paths: [], marks: {} }, migrationId),
    // A volume and a directory are known by who made them: others may have come at their names.
    await engine.remove({ ...created, containers: [], networks: [] }, migrationId),
  ];
  await forgetImages(context);
  return {
    removed: removals.flatMap(({ removed }) => removed),
    remaining: removals.flatMap(({ remaining }) => remaining),
  };
};

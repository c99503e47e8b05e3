import { errorCodeOf } from '../../schema/errors.ts';
import type { CommandHandler } from './context.ts';

/** Everything that needs no downtime: images here, volumes made empty. Each volume is recorded before it is made. */
export const prepareTarget: CommandHandler<'prepare_target'> = async ({ deployment, volumes, images }, context) => {
  const { engine, ledger, migrationId, signal } = context;
  const key = { migration_id: migrationId, project: deployment.project, role: 'target' } as const;
  const own = volumes.filter(({ external }) => !external);
  await ledger.update(key, (entry) => {
    entry.deployment = deployment;
    entry.volumes = volumes;
  });
  await engine.ensureImages(images, signal);
  for (const volume of own) {
    signal.throwIfAborted();
    const known = ledger.find(migrationId)?.created.volumes.includes(volume.name) ?? false;
    await ledger.update(key, ({ created }) => {
      if (!known) created.volumes.push(volume.name);
    });
    try {
      await engine.createVolume(volume, migrationId);
    } catch (error) {
      // Somebody else's: it must not be on the list of what a clean-up removes (Invariant 5).
      if (errorCodeOf(error) === 'resource_taken') {
        await ledger.update(key, ({ created }) => {
          created.volumes = created.volumes.filter((name) => name !== volume.name);
        });
      }
      throw error;
    }
  }
  return { volumes: own.map(({ name }) => name) };
};

import type { CommandHandler } from './context.ts';
import { recordedFirst } from './recorded-first.ts';

/** Everything that needs no downtime: images here, volumes made empty, helpers at hand. */
export const prepareTarget: CommandHandler<'prepare_target'> = async ({ deployment, volumes, images }, context) => {
  const { engine, ledger, migrationId, signal } = context;
  const { project, target_dir } = deployment;
  const key = { migration_id: migrationId, project, role: 'target' } as const;
  const own = volumes.filter(({ external }) => !external);
  await ledger.update(key, (entry) => {
    entry.deployment = deployment;
    entry.volumes = volumes;
  });
  await engine.ensureImages(images, signal);
  for (const volume of own) {
    signal.throwIfAborted();
    await recordedFirst(key, 'volumes', volume.name, context, () => engine.createVolume(volume, migrationId));
  }
  const names = own.map(({ name }) => name);
  const places = { project, volumes: names, directory: target_dir };
  if (engine.standBy)
    await recordedFirst(key, 'paths', target_dir, context, async () => engine.standBy?.('target', places, migrationId));
  return { volumes: names };
};

import { recordedFirst } from '../cutover/recorded-first.ts';
import type { CommandHandler } from '../runner/context.ts';
import { makeNetwork } from './made-network.ts';

/** Does everything on the target that needs no downtime: pulls images, makes networks and empty volumes, starts helpers, opens the door. */
export const prepareTarget: CommandHandler<'prepare_target'> = async (payload, context) => {
  const { deployment, peer, volumes, binds, networks, option_volumes, images } = payload;
  const { engine, ledger, migrationId, signal } = context;
  const { project, target_dir } = deployment;
  const key = { migration_id: migrationId, project, role: 'target' } as const;
  const own = volumes.filter(({ external }) => !external);
  await ledger.update(key, (entry) => {
    entry.deployment = deployment;
    entry.volumes = volumes;
    entry.binds = binds;
  });
  await engine.ensureImages(images, signal);
  for (const network of networks) {
    signal.throwIfAborted();
    await makeNetwork(key, network, context);
  }
  for (const volume of own) {
    signal.throwIfAborted();
    await recordedFirst(key, 'volumes', volume.name, context, () => engine.createVolume(volume, migrationId));
  }
  for (const path of binds) {
    signal.throwIfAborted();
    await recordedFirst(key, 'paths', path, context, () =>
      engine.createDirectory(path, { project, source: peer }, migrationId),
    );
  }
  for (const volume of option_volumes) {
    signal.throwIfAborted();
    await recordedFirst(key, 'volumes', volume.name, context, async () =>
      engine.createOptionVolume?.(volume, { project, source: peer, directory: target_dir }, migrationId),
    );
  }
  const names = own.map(({ name }) => name);
  const data = { project, volumes: names, directory: target_dir, binds };
  if (engine.standBy)
    await recordedFirst(key, 'paths', target_dir, context, async () => engine.standBy?.('target', data, migrationId));
  return { volumes: names, addresses: await context.openDoor(), expects_source: true };
};

import type { CommandHandler } from './context.ts';

/** Measures what will be carried. The stack runs on; nothing is changed. */
export const prepareSource: CommandHandler<'prepare_source'> = async ({ project, volumes }, context) => {
  const { engine, ledger, migrationId, signal } = context;
  const sizes: { volume: string; bytes: number }[] = [];
  for (const volume of volumes) {
    signal.throwIfAborted();
    sizes.push({ volume, bytes: await engine.measureVolume(volume, migrationId) });
  }
  await ledger.update({ migration_id: migrationId, project, role: 'source' }, (entry) => {
    entry.sizes = Object.fromEntries(sizes.map(({ volume, bytes }) => [volume, bytes]));
  });
  return { sizes };
};

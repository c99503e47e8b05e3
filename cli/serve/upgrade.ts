import { mkdir, readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { agentVersion } from '../../node/version.ts';
import { limits } from '../../schema/limits.ts';
import { CliError, exitCodes } from '../exit-code.ts';
import { writeBackup } from './archive.ts';
import { readState, refuseNewer } from './data-state.ts';
import { migrationsIn } from './snapshot.ts';

const copiesDir = 'before-upgrade';
/** Version of a directory without a `state.json`. */
const unknownVersion = '0.0.0';

/**
 * Refuses a data directory that a newer version wrote, and backs up one that this version is about to change: without the
 * copy there is no upgrade. Resolves to the copy's path, or null if none was needed. `known`: names of this version's
 * migrations.
 */
export async function copyBeforeUpgrade(dataDir: string, known: string[]): Promise<string | null> {
  const version = (await readState(dataDir))?.version ?? unknownVersion;
  refuseNewer(dataDir, version);
  const had = await migrationsIn(dataDir);
  const unknown = had.find((name) => !known.includes(name));
  if (unknown)
    throw new CliError(
      'data_newer',
      `The database in ${dataDir} has had the migration ${unknown}, which this version (${agentVersion}) does not know.`,
      exitCodes.conflict,
      ['Start the version that wrote it, or a newer one.'],
    );
  const newest = had.at(-1);
  if (newest === undefined || (version === agentVersion && had.length === known.length)) return null;
  const copies = join(dataDir, copiesDir);
  // Named after its contents, so that a start after an interrupted one finds the copy.
  const file = join(copies, `${version}-${newest.replace(/\.sql$/, '')}.tar.gz`);
  if (await stat(file).catch(() => null)) return file;
  await mkdir(copies, { recursive: true, mode: 0o700 });
  await writeBackup({ dataDir, file, version, writer: null });
  await keepNewest(copies, limits.serve.upgradeCopiesMax);
  return file;
}

async function keepNewest(dir: string, count: number): Promise<void> {
  const names = (await readdir(dir)).filter((name) => name.endsWith('.tar.gz'));
  const dated = await Promise.all(names.map(async (name) => ({ name, at: (await stat(join(dir, name))).mtimeMs })));
  dated.sort((a, b) => b.at - a.at);
  for (const { name } of dated.slice(count)) await rm(join(dir, name));
}

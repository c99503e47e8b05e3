import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../node/atomic-file.ts';
import { agentVersion } from '../../node/version.ts';
import { compareVersions } from '../../schema/compare-versions.ts';
import { CliError, exitCodes } from '../exit-code.ts';

/** `state.json`: the version that last wrote the data directory, recorded once that version has migrated it. */
const state = z.object({
  version: z.string(),
  /** Time of the backup; set by `restore`, removed by the first start after it. */
  restored_from: z.string().optional(),
});
export type DataState = z.infer<typeof state>;

export const stateFile = 'state.json';

/** Null if the file does not exist: the directory is new, or older than this file. */
export async function readState(dataDir: string): Promise<DataState | null> {
  const path = join(dataDir, stateFile);
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null;
    throw error;
  });
  if (text === null) return null;
  const parsed = state.safeParse(jsonOrNull(text));
  if (parsed.success) return parsed.data;
  throw new CliError('data_damaged', `${path} is damaged.`, exitCodes.failure, [
    'Restore a backup into another directory: stackferry restore FILE --data DIR',
  ]);
}

export const writeState = (dataDir: string, written: DataState) =>
  writeFileAtomically(join(dataDir, stateFile), `${JSON.stringify(written)}\n`);

/** Creates the directory if it is missing, for its owner only. Throws `data_unwritable`. */
export async function openDataDir(dataDir: string): Promise<void> {
  const probe = join(dataDir, '.writable');
  try {
    await mkdir(dataDir, { recursive: true, mode: 0o700 });
    await writeFile(probe, '');
    await rm(probe);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new CliError(
      'data_unwritable',
      `The data directory ${dataDir} cannot be written (${code}).`,
      exitCodes.failure,
      ['Give it to the user that runs this, or name another: --data DIR'],
    );
  }
}

export function refuseNewer(dataDir: string, version: string): void {
  if (compareVersions(version, agentVersion) <= 0) return;
  throw new CliError(
    'data_newer',
    `${dataDir} was written by Stackferry ${version}; this is ${agentVersion}, which may not understand it.`,
    exitCodes.conflict,
    [
      `Start version ${version} or newer.`,
      `Or restore a copy from before the upgrade into another directory: ${join(dataDir, 'before-upgrade')}`,
    ],
  );
}

function jsonOrNull(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ContainerRecord, HostRoot } from './host-root.ts';
import { readStackFile, volumeKeysOf, volumeNameOf } from './stack-file.ts';
import { dataOf } from './volume-store.ts';

/**
 * Program, arguments and environment of a container's process. `.env` is read at each start and stored nowhere else.
 */
export async function processOf(
  host: HostRoot,
  record: ContainerRecord,
  argv: string[] = record.spec.command,
): Promise<{ command: string[]; cwd: string; env: Record<string, string> }> {
  const file = await readStackFile(record.working_dir);
  const paths = new Map(
    volumeKeysOf(record.spec).map((key) => [key, dataOf(host, volumeNameOf(record.project, key, file))]),
  );
  const [program, ...rest] = argv.map((argument) =>
    argument.replaceAll(/\$\{volumes\.([^}]+)\}/g, (whole, key: string) => paths.get(key) ?? whole),
  );
  const mounts = [...paths].map(([key, path]) => [`VOLUME_${key.toUpperCase().replaceAll(/[^A-Z0-9]/g, '_')}`, path]);
  return {
    command: [program === 'node' ? process.execPath : (program ?? ''), ...rest],
    cwd: record.working_dir,
    env: {
      PATH: process.env.PATH ?? '/usr/bin:/bin',
      ...(await readEnvFile(record.working_dir)),
      ...record.spec.environment,
      ...Object.fromEntries(mounts),
    },
  };
}

/** Parses `KEY=value` lines; skips blank ones and comments. */
async function readEnvFile(directory: string): Promise<Record<string, string>> {
  const text = await readFile(join(directory, '.env'), 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return '';
    throw error;
  });
  const pairs = text.split('\n').flatMap((line) => {
    const match = /^\s*([A-Za-z_][A-Za-z0-9_]*)=(.*)$/.exec(line);
    return match ? [[match[1], match[2]] as const] : [];
  });
  return Object.fromEntries(pairs);
}

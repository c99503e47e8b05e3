import { readFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import type { ComposeProject } from '../../../compose/arguments.ts';
import { overrideHeader } from '../stack/bind-override.ts';

const ownNames = ['compose.yaml', 'compose.yml', 'docker-compose.yml', 'docker-compose.yaml'];
const overrideNames = [
  'compose.override.yml',
  'compose.override.yaml',
  'docker-compose.override.yml',
  'docker-compose.override.yaml',
];

/**
 * A name for the Compose file that an arriving stack gets for its bind mounts: that of an earlier move's, or a free one.
 * Where Compose finds the project's file by itself, it finds an override beside it too: a later `up` by hand reads both.
 */
export async function overrideName({ directory, configFiles }: ComposeProject): Promise<string> {
  const textOf = (name: string) => readFile(join(directory, name), 'utf8').catch(() => null);
  const isFree = async (name: string) => (await textOf(name)) === null;
  for (const file of configFiles)
    if (dirname(file) === directory && (await textOf(basename(file)))?.startsWith(overrideHeader))
      return basename(file);
  const [only, ...others] = configFiles;
  const isFound = only !== undefined && dirname(only) === directory && ownNames.includes(basename(only));
  const isNamed = /^\s*(export\s+)?COMPOSE_FILE\s*=/m.test((await textOf('.env')) ?? '');
  if (isFound && others.length === 0 && !isNamed && (await Promise.all(overrideNames.map(isFree))).every(Boolean))
    return selfRead;
  for (let number = 1; ; number++) {
    const name = `compose.stackferry${number === 1 ? '' : `-${number}`}.yaml`;
    if (await isFree(name)) return name;
  }
}

const selfRead = 'compose.override.yaml';

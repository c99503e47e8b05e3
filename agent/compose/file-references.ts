import { existsSync } from 'node:fs';
import { dirname, isAbsolute, join, resolve } from 'node:path';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { realOf } from '../real-path.ts';
import type { ComposeProject } from './arguments.ts';
import { type ComposeFile, readComposeFile } from './compose-file.ts';
import { interpolate } from './interpolate.ts';
import { type Compose, envFilesOf, isInside } from './project.ts';

/** Files besides the main ones that Compose reads to build a model; absolute paths. */
export interface FileReferences {
  /** Included and extended Compose files. */
  models: string[];
  /** Files named by `env_file` and `label_file`, required or not. */
  values: string[];
  /** Remote includes and extended files, as written. */
  remote: string[];
}

export const noReferences: FileReferences = { models: [], values: [], remote: [] };

/** How the paths of one file are resolved: relative to a directory, with variables from these files. */
interface Scope {
  directory: string;
  envFiles: string[];
}

/**
 * Follows `include` and `extends` from file to file: the model that Compose prints has these and `env_file` already
 * resolved. A file outside the project is listed but not read. Services with a profile count only if they are among
 * `services`.
 */
export async function fileReferences(
  compose: Compose,
  project: ComposeProject,
  services: string[],
  signal: AbortSignal,
): Promise<FileReferences> {
  const root = await realOf(project.directory);
  const found: FileReferences = { models: [], values: [], remote: [] };
  const seen = new Set<string>();

  const isOwn = async (path: string) => isInside(root, await realOf(path));

  const pathsOf = async (written: string[], { directory, envFiles }: Scope) => {
    const home = project.environment.HOME ?? process.env.HOME;
    if (!written.some((path) => path.includes('$'))) return written.map((path) => absolute(path, directory, home));
    const readable: string[] = [];
    for (const path of envFiles) if (existsSync(path) && (await isOwn(path))) readable.push(path);
    const filled = await interpolate(compose, { ...project, envFiles: readable }, written, signal);
    return filled.map((path) => absolute(path, directory, home));
  };

  /** Only the one named service of an extended file counts, which may extend another. */
  const visit = async (path: string, scope: Scope, only: string | null): Promise<void> => {
    const visited = JSON.stringify([path, scope, only]);
    if (seen.has(visited) || !(await isOwn(path))) return;
    seen.add(visited);
    if (seen.size > limits.agent.includedFilesMax)
      throw new StackferryError(
        'compose_failed',
        `The project includes more than ${limits.agent.includedFilesMax} files.`,
      );
    for (const file of await readComposeFile(path)) {
      if (only === null) for (const include of file.include) await visitInclude(include, scope);
      await visitServices(path, file, scope, only);
    }
  };

  const visitInclude = async (
    { paths, project_directory, env_files }: ComposeFile['include'][number],
    scope: Scope,
  ) => {
    const local = await localPaths(paths, scope);
    const [first] = local;
    if (first === undefined) return;
    const [directory = dirname(first)] = project_directory ? await pathsOf([project_directory], scope) : [];
    const envFiles = env_files.length > 0 ? await pathsOf(env_files, scope) : [join(directory, '.env')];
    found.values.push(...envFiles);
    found.models.push(...local);
    for (const path of local)
      await visit(path, { directory, envFiles: unique([...envFiles, ...scope.envFiles]) }, null);
  };

  const visitServices = async (path: string, file: ComposeFile, scope: Scope, only: string | null) => {
    for (const [name, service] of Object.entries(file.services)) {
      if (only !== null ? name !== only : service.profiled && !services.includes(name)) continue;
      found.values.push(...(await pathsOf(service.valueFiles, scope)));
      if (service.extends === null) continue;
      const { file: base, service: extended } = service.extends;
      if (base === null) {
        if (only !== null) await visit(path, scope, extended);
        continue;
      }
      for (const at of await localPaths([base], scope)) {
        found.models.push(at);
        await visit(at, { ...scope, directory: dirname(at) }, extended);
      }
    }
  };

  /** Returns the paths on this host's disk and collects the remote ones. */
  const localPaths = async (written: string[], scope: Scope) => {
    const paths = await pathsOf(written, scope);
    const isRemote = (index: number) => remote.test(written[index] ?? '') || remote.test(paths[index] ?? '');
    found.remote.push(...written.filter((_, index) => isRemote(index)));
    return paths.filter((_, index) => !isRemote(index));
  };

  const main = { directory: project.directory, envFiles: envFilesOf(project) };
  for (const path of project.configFiles) await visit(path, main, null);
  return { models: unique(found.models), values: unique(found.values), remote: unique(found.remote) };
}

const remote = /^(https?|git|oci|ssh):|^git@|\.git(#|$)/;

const unique = (items: string[]) => [...new Set(items)];

function absolute(path: string, directory: string, home: string | undefined): string {
  if (remote.test(path) || isAbsolute(path)) return path;
  if (home && (path === '~' || path.startsWith('~/'))) return join(home, path.slice(1));
  return resolve(directory, path);
}

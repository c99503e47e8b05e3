import { isAbsolute, relative, resolve, sep } from 'node:path';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { type ComposeProject, configArguments, dryRunArguments, namesArguments } from './arguments.ts';
import { type ComposeModel, composeModel } from './model.ts';
import { runCompose } from './run.ts';

export interface Compose {
  binary: string;
  socketPath: string;
}

/**
 * The file as Compose reads it: variables filled in (`values`), or as written, with `env_file` paths (`names`). Of the
 * former may be asked for only these services and what they depend on; Compose tells names of all.
 */
export async function readModel(
  { binary, socketPath }: Compose,
  project: ComposeProject,
  as: 'values' | 'names',
  signal: AbortSignal,
  services: string[] = [],
): Promise<ComposeModel> {
  const build = as === 'values' ? configArguments : namesArguments;
  const { stdout } = await runCompose({
    binary,
    arguments: build(socketPath, project, services),
    timeoutMs: limits.agent.composeReadMsMax,
    signal,
  });
  const parsed = composeModel.safeParse(JSON.parse(stdout));
  if (parsed.success) return parsed.data;
  const where = parsed.error.issues.map(({ path }) => path.join('.')).slice(0, 3);
  throw new StackferryError('compose_failed', `Compose prints a model that can’t be read at ${where.join(', ')}.`);
}

/** Services that `up` would recreate now, or null with what kept it from being told. */
export async function driftOf(
  { binary, socketPath }: Compose,
  project: ComposeProject,
  services: string[],
  signal: AbortSignal,
): Promise<{ current: boolean | null; detail: string }> {
  try {
    const { stderr } = await runCompose({
      binary,
      arguments: dryRunArguments(socketPath, project, services),
      timeoutMs: limits.agent.composeReadMsMax,
      signal,
    });
    return driftIn(stderr);
  } catch (error) {
    return { current: null, detail: (error as Error).message };
  }
}

/** From what a dry run tells: `Container shop-db-1  Recreate`. "Created" alone is a container that is there, and stopped. */
export function driftIn(told: string): { current: boolean; detail: string } {
  const changed = told.split('\n').flatMap((line) => /Container (\S+)\s+(?:Recreate|Creating)\b/.exec(line)?.[1] ?? []);
  if (changed.length === 0) return { current: true, detail: '' };
  return { current: false, detail: `"up" would recreate ${[...new Set(changed)].join(', ')}.` };
}

/** Below the directory, or the directory itself. */
export function isInside(directory: string, path: string): boolean {
  const way = relative(directory, resolve(directory, path));
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { type ComposeProject, configArguments, dryRunArguments } from './arguments.ts';
import { type ComposeModel, composeModel } from './model.ts';
import { runCompose } from './run.ts';

export interface Compose {
  binary: string;
  socketPath: string;
}

/** The file as Compose reads it, variables filled in: of all services, or of these and what they depend on. */
export async function readModel(
  { binary, socketPath }: Compose,
  project: ComposeProject,
  signal: AbortSignal,
  services: string[] = [],
): Promise<ComposeModel> {
  const { stdout } = await runCompose({
    binary,
    arguments: configArguments(socketPath, project, services),
    environment: project.environment,
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
      environment: project.environment,
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

/** Whose variables the main files are read with. */
export const envFilesOf = ({ directory, envFiles }: ComposeProject): string[] =>
  envFiles.length > 0 ? envFiles : [join(directory, '.env')];

/** Below the directory, or the directory itself. */
export function isInside(directory: string, path: string): boolean {
  const way = relative(directory, resolve(directory, path));
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

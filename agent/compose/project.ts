import { isAbsolute, join, relative, resolve, sep } from 'node:path';
import { z } from 'zod';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';
import { type ComposeProject, configArguments, hashArguments } from './arguments.ts';
import { type ComposeModel, composeModel } from './model.ts';
import { runCompose } from './run.ts';

export interface Compose {
  binary: string;
  socketPath: string;
}

/** Returns the interpolated model: of all services, or of these and their dependencies. */
export async function readModel(
  compose: Compose,
  project: ComposeProject,
  signal: AbortSignal,
  services: string[] = [],
): Promise<ComposeModel> {
  const { stdout, stderr } = await read(
    compose,
    project,
    configArguments(compose.socketPath, project, services),
    signal,
  );
  const parsed = composeModel.safeParse(JSON.parse(stdout));
  if (parsed.success) return { ...parsed.data, unset: unsetIn(stderr) };
  const where = parsed.error.issues.map(({ path }) => path.join('.')).slice(0, 3);
  throw new StackferryError('compose_failed', `Compose prints a model that can’t be read at ${where.join(', ')}.`);
}

/** By service, the config hash that a container created now would carry. */
export async function configHashes(
  compose: Compose,
  project: ComposeProject,
  signal: AbortSignal,
): Promise<Record<string, string>> {
  const { stdout } = await read(compose, project, hashArguments(compose.socketPath, project), signal);
  const lines = stdout.split('\n').map((line) => line.trim().split(' '));
  return Object.fromEntries(lines.flatMap(([service, hash]) => (service && hash ? [[service, hash]] : [])));
}

const wholeServices = z.object({ services: z.record(z.string(), z.record(z.string(), z.unknown())) });

/**
 * Returns all that Compose prints of each service, including environment values: only for comparison on this host,
 * never to be kept.
 */
export async function readWholeServices(
  compose: Compose,
  project: ComposeProject,
  signal: AbortSignal,
): Promise<Record<string, Record<string, unknown>>> {
  const { stdout } = await read(compose, project, configArguments(compose.socketPath, project), signal);
  // Compose escapes dollars in its output so that it is valid input.
  const unescaped = (_: string, value: unknown) => (typeof value === 'string' ? value.replaceAll('$$', '$') : value);
  return wholeServices.parse(JSON.parse(stdout, unescaped)).services;
}

const read = (
  { binary }: Compose,
  { environment }: ComposeProject,
  arguments_: string[],
  signal: AbortSignal,
): ReturnType<typeof runCompose> =>
  runCompose({ binary, arguments: arguments_, environment, timeoutMs: limits.agent.composeReadMsMax, signal });

/** Variables that the file uses but nothing sets, from Compose's warnings. */
export const unsetIn = (stderr: string): string[] => [
  ...new Set([...stderr.matchAll(/The \\?"([^"\\]+)\\?" variable is not set/g)].map(([, name]) => name ?? '')),
];

/** Env files of the main files' variables. */
export const envFilesOf = ({ directory, envFiles }: Pick<ComposeProject, 'directory' | 'envFiles'>): string[] =>
  envFiles.length > 0 ? envFiles : [join(directory, '.env')];

/** True if the path is the directory or below it. */
export function isInside(directory: string, path: string): boolean {
  const way = relative(directory, resolve(directory, path));
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

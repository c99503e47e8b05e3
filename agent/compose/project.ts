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

/** The file as Compose reads it, variables filled in: of all services, or of these and what they depend on. */
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

/** By service, the hash of its configuration that a container made now would carry. */
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

/** All that Compose prints of each service, environment values included: to compare with on this host, never to keep. */
export async function readWholeServices(
  compose: Compose,
  project: ComposeProject,
  signal: AbortSignal,
): Promise<Record<string, Record<string, unknown>>> {
  const { stdout } = await read(compose, project, configArguments(compose.socketPath, project), signal);
  // Compose doubles the dollars of what it prints, so that it could read it again.
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

/** Variables that the file uses and nothing sets, from what Compose warns of. */
export const unsetIn = (stderr: string): string[] => [
  ...new Set([...stderr.matchAll(/The \\?"([^"\\]+)\\?" variable is not set/g)].map(([, name]) => name ?? '')),
];

/** Whose variables the main files are read with. */
export const envFilesOf = ({ directory, envFiles }: ComposeProject): string[] =>
  envFiles.length > 0 ? envFiles : [join(directory, '.env')];

/** Below the directory, or the directory itself. */
export function isInside(directory: string, path: string): boolean {
  const way = relative(directory, resolve(directory, path));
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !isAbsolute(way));
}

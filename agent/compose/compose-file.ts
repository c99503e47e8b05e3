import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { parseAllDocuments, YAMLError } from 'yaml';
import { z } from 'zod';
import { StackferryError } from '../../schema/errors.ts';
import { limits } from '../../schema/limits.ts';

/** References from one Compose file to other files, as written. */
export interface ComposeFile {
  include: { paths: string[]; project_directory: string | null; env_files: string[] }[];
  services: Record<string, ServiceFiles>;
}

interface ServiceFiles {
  /** A null file means this file. */
  extends: { file: string | null; service: string } | null;
  /** `env_file` and `label_file`. */
  valueFiles: string[];
  /** True if it has profiles. */
  profiled: boolean;
}

const text = z.string();
const paths = z
  .union([text, z.array(text)])
  .nullish()
  .transform((value) => [value ?? []].flat());
const valueFiles = z
  .union([text, z.array(z.union([text, z.object({ path: text })]))])
  .nullish()
  .transform((value) => [value ?? []].flat().map((item) => (typeof item === 'string' ? item : item.path)));

const include = z.union([
  text.transform((path) => ({ paths: [path], project_directory: null, env_files: [] })),
  z
    .object({ path: paths, project_directory: text.nullish(), env_file: paths })
    .transform(({ path, project_directory, env_file }) => ({
      paths: path,
      project_directory: project_directory ?? null,
      env_files: env_file,
    })),
]);

const extended = z.union([
  text.transform((service) => ({ file: null, service })),
  z
    .object({ file: text.nullish(), service: text.nullish() })
    .transform(({ file, service }) => ({ file: file ?? null, service: service ?? '' })),
]);

const service = z
  .object({
    extends: extended.nullish(),
    env_file: valueFiles,
    label_file: valueFiles,
    profiles: z.unknown().optional(),
  })
  .transform(({ extends: base, env_file, label_file, profiles }) => ({
    extends: base ?? null,
    valueFiles: [...env_file, ...label_file],
    profiled: profiles !== undefined && profiles !== null,
  }));

const composeFile: z.ZodType<ComposeFile> = z
  .object({
    include: z
      .union([text, z.array(include)])
      .nullish()
      .transform((value) => (typeof value === 'string' ? [include.parse(value)] : (value ?? []))),
    services: z
      .record(text, service.nullable())
      .nullish()
      .transform((value) => value ?? {}),
  })
  .transform(({ services, ...rest }) => ({
    ...rest,
    services: Object.fromEntries(Object.entries(services).flatMap(([name, own]) => (own ? [[name, own]] : []))),
  }));

/**
 * Reads all documents of a Compose file; Compose merges them. Throws `compose_failed` if it is not YAML or has an
 * unexpected shape: what can't be read can't be checked. The message quotes nothing of the file, which may contain
 * secrets.
 */
export async function readComposeFile(path: string): Promise<ComposeFile[]> {
  const text = await readBounded(path);
  try {
    return parseAllDocuments(text, { merge: true, logLevel: 'silent' }).flatMap((document) => {
      const [error] = document.errors;
      if (error) throw error;
      const value: unknown = document.toJS({ maxAliasCount: limits.agent.yamlAliasesMax });
      return value === null ? [] : [composeFile.parse(value)];
    });
  } catch (error) {
    throw new StackferryError('compose_failed', `${path} can’t be read as a Compose file${placeOf(error)}.`, {
      cause: error,
    });
  }
}

function placeOf(error: unknown): string {
  if (error instanceof YAMLError) return ` (line ${error.linePos?.[0].line ?? '?'}: ${error.code})`;
  if (error instanceof z.ZodError) return ` (at ${error.issues[0]?.path.join('.')})`;
  return '';
}

/** Reads a regular file of bounded size; does not block on a FIFO or a device. */
async function readBounded(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK).catch((error: NodeJS.ErrnoException) => {
    throw new StackferryError('compose_failed', `${path} can’t be opened (${error.code}).`, { cause: error });
  });
  try {
    const stat = await file.stat();
    if (!stat.isFile()) throw new StackferryError('compose_failed', `${path} is not a file.`);
    if (stat.size > limits.agent.composeFileBytesMax)
      throw new StackferryError('compose_failed', `${path} is larger than ${limits.agent.composeFileBytesMax} bytes.`);
    return await file.readFile('utf8');
  } finally {
    await file.close();
  }
}

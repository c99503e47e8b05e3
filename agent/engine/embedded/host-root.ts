import { mkdir, readdir, readFile, rm } from 'node:fs/promises';
import { join, relative } from 'node:path';
import { z } from 'zod';
import { writeFileAtomically } from '../../../node/atomic-file.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { serviceFile } from './stack-file.ts';

/**
 * One embedded "host" is a directory:
 *
 *   stacks/<project>/        project directories, each with a compose.json
 *   volumes/<name>/          volume.json and the volume's contents in _data/
 *   containers/<id>.json     what Docker would know of a container
 *   networks/<id>.json       names only; processes share the machine's network
 *   runs/<run>.pid, .exit    written by the process itself, so that an agent's crash loses neither
 *   placed.json              project directories that a migration put here
 */
export interface HostRoot {
  root: string;
  stacks: string;
  volumes: string;
  runs: string;
  containers: Records<ContainerRecord>;
  networks: Records<NetworkRecord>;
  /** Serialises `work`: supervisor and commands change the same records. Not reentrant. */
  exclusive<T>(work: () => Promise<T>): Promise<T>;
}

/** Restricts this engine's writes to its own directory. Throws `policy_refused`. */
export function belowStacks(host: HostRoot, path: string): string {
  const below = relative(host.stacks, path);
  if (below !== '' && !below.startsWith('..') && !below.startsWith('/')) return path;
  throw new StackferryError(
    'policy_refused',
    `The embedded engine takes project directories below ${host.stacks} only.`,
  );
}

const policy = z.object({ name: z.string(), maximum_retry_count: z.number() });

const containerRecord = z.object({
  id: z.string(),
  name: z.string(),
  project: z.string(),
  service: z.string(),
  working_dir: z.string(),
  /** The service as it was in the file at creation. */
  spec: serviceFile,
  policy,
  restart_count: z.number(),
  /** Started, and not stopped since by the engine: a restart policy may restart it. */
  wanted: z.boolean(),
  /** The latest process, null before the first start. */
  run: z.object({ id: z.string(), started_at: z.string() }).nullable(),
  /** The migration that created it; null if `up` did. */
  migration_id: z.string().nullable(),
});
export type ContainerRecord = z.infer<typeof containerRecord>;

const networkRecord = z.object({
  id: z.string(),
  name: z.string(),
  project: z.string(),
  migration_id: z.string().nullable(),
});
export type NetworkRecord = z.infer<typeof networkRecord>;

export interface Records<R> {
  all(): Promise<R[]>;
  find(id: string): Promise<R | null>;
  put(record: R): Promise<void>;
  drop(id: string): Promise<void>;
}

export async function openHostRoot(root: string): Promise<HostRoot> {
  const at = (name: string) => join(root, name);
  for (const name of ['stacks', 'volumes', 'runs', 'containers', 'networks']) {
    await mkdir(at(name), { recursive: true });
  }
  let tail: Promise<unknown> = Promise.resolve();
  return {
    exclusive: (work) => {
      const done = tail.then(work);
      tail = done.catch(() => {});
      return done;
    },
    root,
    stacks: at('stacks'),
    volumes: at('volumes'),
    runs: at('runs'),
    containers: recordsIn(at('containers'), containerRecord),
    networks: recordsIn(at('networks'), networkRecord),
  };
}

function recordsIn<R extends { id: string }>(directory: string, schema: z.ZodType<R>): Records<R> {
  const pathOf = (id: string) => {
    if (!/^[0-9a-f]+$/.test(id))
      throw new Error(`not an id of the embedded engine: ${JSON.stringify(id.slice(0, 80))}`);
    return join(directory, `${id}.json`);
  };
  const read = async (path: string) => {
    const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null;
      throw error;
    });
    return text === null ? null : schema.parse(JSON.parse(text));
  };
  return {
    all: async () => {
      const names = (await readdir(directory)).filter((name) => name.endsWith('.json')).sort();
      const found = await Promise.all(names.map((name) => read(join(directory, name))));
      return found.filter((record): record is Awaited<R> => record !== null);
    },
    find: (id) => read(pathOf(id)),
    put: (record) => writeFileAtomically(pathOf(record.id), `${JSON.stringify(record)}\n`),
    drop: (id) => rm(pathOf(id), { force: true }),
  };
}

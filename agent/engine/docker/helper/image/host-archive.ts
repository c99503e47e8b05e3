import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { dirname } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { type Header, type Pack, pack } from 'tar-stream';
import { limits } from '../../../../../schema/limits.ts';
import type { HostPrograms } from './host-programs.ts';

/**
 * Tars a root file system of the host's programs: each in /bin, libraries at the loader's paths. Deterministic: equal
 * programs give equal bytes. Throws if it would be too large.
 */
export function hostArchive({ programs, libraries }: HostPrograms): Readable {
  const stream = pack();
  const filling = fill(stream, programs, libraries).catch((error) => stream.destroy(error));
  void filling;
  return Readable.from(stream, { objectMode: false });
}

async function fill(stream: Pack, programs: Map<string, string>, libraries: string[]): Promise<void> {
  const sources = new Map(libraries.map((path) => [path, path]));
  for (const [name, file] of programs) sources.set(`/bin/${name}`, file);
  /** Source file → first name: further names of a program are hard links. */
  const placed = new Map<string, string>();
  const directories = new Set<string>();
  let total = 0;
  for (const [path, source] of [...sources].sort(([a], [b]) => (a < b ? -1 : 1))) {
    for (const directory of parentsOf(path)) {
      if (directories.has(directory)) continue;
      directories.add(directory);
      stream.entry({ ...common, name: directory, type: 'directory' });
    }
    const file = await realpath(source);
    const name = path.slice(1);
    const first = placed.get(file);
    if (first) {
      stream.entry({ ...common, name, type: 'link', linkname: first });
      continue;
    }
    placed.set(file, name);
    const { size } = await stat(file);
    total += size;
    if (total > limits.agent.helperImageBytesMax) throw new Error(`the host's programs take more than ${total} bytes`);
    await pipeline(createReadStream(file), stream.entry({ ...common, name, type: 'file', size }));
  }
  stream.finalize();
}

const common = { mode: 0o755, uid: 0, gid: 0, mtime: new Date(0) } satisfies Partial<Header>;

function parentsOf(path: string): string[] {
  const parent = dirname(path);
  return parent === '/' ? [] : [...parentsOf(parent), parent.slice(1)];
}

/** Digest of the archive, which identifies it as a layer in every engine. */
export async function layerDigest(archive: Readable): Promise<string> {
  const sum = createHash('sha256');
  for await (const chunk of archive) sum.update(chunk as Buffer);
  return `sha256:${sum.digest('hex')}`;
}

/**
 * Environment of the image. Libraries may be in directories that a loader finds only with the host's own configuration.
 */
export function environmentOf({ libraries }: HostPrograms): string[] {
  const directories = [...new Set(libraries.map((path) => dirname(path)))].sort();
  return ['PATH=/bin', ...(directories.length > 0 ? [`LD_LIBRARY_PATH=${directories.join(':')}`] : [])];
}

import { join } from 'node:path';
import { sha256Of } from '../../../node/sha256-of.ts';
import { manifestDigest } from '../../transfer/manifest.ts';
import type { Manifest } from '../engine.ts';
import { mtimeMsOf, walkTree } from './tree-walk.ts';

/** Manifest of a directory on disk, over everything that this engine supports: no xattrs, whole milliseconds. */
export async function manifestOfTree(root: string, contents = false): Promise<Manifest> {
  const digest = manifestDigest();
  let entries = 0;
  for await (const { path, type, stats, target } of walkTree(root)) {
    entries += 1;
    const facts = [
      type,
      stats.mode & 0o7777n,
      stats.uid,
      stats.gid,
      type === 'file' ? stats.size : 0,
      mtimeMsOf(stats),
    ];
    if (contents && type === 'file') digest.add('content', [asBytes(path), await sha256Of(join(root, path))]);
    digest.add('entry', [asBytes(path), facts.join(' '), asBytes(target ?? '')]);
  }
  return { sha256: digest.sum(), entries };
}

/** A name's bytes as Latin-1 text. */
const asBytes = (name: string): string => Buffer.from(name).toString('latin1');

import { manifestDigest } from '../../transfer/manifest.ts';
import type { Manifest } from '../engine.ts';
import { mtimeMsOf, walkTree } from './tree-walk.ts';

/** Manifest of a directory as it lies on the disk now, over all that this engine carries: no xattrs, whole milliseconds. */
export async function manifestOfTree(root: string): Promise<Manifest> {
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
    digest.add('entry', [Buffer.from(path), facts.join(' '), Buffer.from(target ?? '')]);
  }
  return { sha256: digest.sum(), entries };
}

import { join } from 'node:path';
import type { ContentDigestName } from '../../../../schema/content-digest.ts';
import { reachIn, type Tree } from '../../tree.ts';
import { type HelperRuntime, readFromHelper } from '../helper/helper.ts';
import type { HelperPool } from '../helper/helper-pool.ts';
import { changing } from '../helper/stderr-rules.ts';
import type { SharedFile } from '../precopy/pass-files.ts';
import { manifestTask } from './carriage.ts';
import { contentDigests } from './content-digest.ts';
import { contentsIn } from './content-stream.ts';
import { type KnownContents, learnContents, readContents } from './known-contents.ts';
import { contentScript } from './tar-arguments.ts';
import type { ReachedRoot } from './tree-root.ts';
import { createTreeStore } from './tree-store.ts';

/** The contents of the files of volumes and directories, by their digests. */
export interface TreeContents {
  /** See `Engine.learnContents`. */
  learn(mount: Tree, migrationId: string, digest: ContentDigestName, live: boolean, signal: AbortSignal): Promise<void>;
  /**
   * Calls `onFile` for each file of a listing that a resident helper makes, or of the whole tree where there is none. Uses what
   * was learnt once.
   */
  read(
    mount: Tree,
    migrationId: string,
    digest: ContentDigestName,
    onFile: (path: string, digest: string) => void,
    listed: Promise<SharedFile> | null,
    signal: AbortSignal,
  ): Promise<void>;
  forget(migrationId: string): Promise<void>;
}

export function createTreeContents(
  { ioDir }: HelperRuntime,
  helperPool: HelperPool,
  reachedRoot: ReachedRoot,
): TreeContents {
  const known = createTreeStore<KnownContents>(({ files }) => files.remove());
  const directory = join(ioDir, 'contents');
  const taskOf = async (mount: Tree, migrationId: string, digest: ContentDigestName, signal: AbortSignal) => ({
    place: helperPool.placeOf(mount, migrationId),
    task: manifestTask(mount, migrationId, signal),
    digests: contentDigests(digest, migrationId),
    root: await reachedRoot(mount),
    live: false,
  });
  return {
    async learn(mount, migrationId, digest, live, signal) {
      const tree = await taskOf(mount, migrationId, digest, signal);
      if (!tree.place.resident) return;
      const task = { ...tree.task, tolerated: live ? changing : [] };
      const before = known.get(mount, migrationId) ?? null;
      const same = before?.digest === digest ? before : null;
      await known.set(mount, migrationId, await learnContents({ ...tree, task, live }, directory, same));
    },
    async read(mount, migrationId, digest, onFile, listed, signal) {
      const learnt = known.take(mount, migrationId) ?? null;
      try {
        const tree = await taskOf(mount, migrationId, digest, signal);
        if (listed)
          return await readContents(tree, await listed, learnt?.digest === digest ? learnt : null, directory, onFile);
        const script = contentScript(reachIn(mount));
        const tar = await readFromHelper(tree.place, { ...tree.task, script });
        for await (const file of contentsIn(tar.stream, tree.digests.begin)) onFile(...file);
        await tar.finished;
      } finally {
        await learnt?.files.remove();
      }
    },
    forget: known.forget,
  };
}

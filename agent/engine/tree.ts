import { type Reach, reachBelow } from '../../schema/exclude-pattern.ts';

/**
 * What one stream carries: a volume by its name, or a directory by its absolute path, without what the patterns of
 * `exclude` leave out.
 */
export type Tree = { volume: string } | { directory: string; exclude?: readonly string[] };

/** What a migration transfers. */
export interface MigratedData {
  project: string;
  volumes: string[];
  /** The project directory. */
  directory: string;
  /** Directories of bind mounts. */
  binds: string[];
  /** Patterns of what is left out of the directories. */
  exclude?: readonly string[];
}

/** True for a directory's path among the names of trees in a command: no volume's name begins with a slash. */
export const isPath = (name: string): boolean => name.startsWith('/');
export const treeOf = (name: string, exclude: readonly string[] = []): Tree =>
  isPath(name) ? { directory: name, exclude } : { volume: name };

/** What is left out of a tree; nothing of a volume. */
export const reachIn = (tree: Tree): Reach[] =>
  'directory' in tree ? reachBelow(tree.exclude ?? [], tree.directory) : [];

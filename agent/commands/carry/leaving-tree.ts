import { type Tree, treeOf } from '../../engine/tree.ts';
import type { CommandContext } from '../runner/context.ts';

/**
 * A volume or directory of the source without what the migration leaves out: by the record of `prepare_source`, so that no
 * later command can name other patterns.
 */
export const leavingTree = (name: string, { ledger, migrationId }: CommandContext): Tree =>
  treeOf(name, ledger.find(migrationId)?.data?.exclude);

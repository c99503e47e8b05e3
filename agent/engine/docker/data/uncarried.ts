import { StackferryError } from '../../../../schema/errors.ts';
import type { Reach } from '../../../../schema/exclude-pattern.ts';
import { limits } from '../../../../schema/limits.ts';
import { shortened } from '../../../../schema/shortened.ts';
import { carriedAttributes, hostAttributes } from '../../../transfer/attributes.ts';
import { attributesCommand } from '../../../transfer/attributes-script.ts';
import { walkOf } from '../../../transfer/left-out-script.ts';
import { reachIn, type Tree } from '../../tree.ts';
import { type HelperRuntime, nameOf, readFromHelper } from '../helper/helper.ts';
import { changing } from '../helper/stderr-rules.ts';
import { packCapabilities } from './tar-arguments.ts';

/** Longest path relative to its tree that tar can unpack: PATH_MAX, less `./` and the final zero. */
const pathBytesMax = 4093;

/**
 * Throws `pack_failed` if one of these trees has something a copy can't carry: attributes other than user attributes,
 * file capabilities and ACLs, or paths longer than a system call takes. The stack may be running.
 */
export async function assertCarriable(
  runtime: HelperRuntime,
  trees: Tree[],
  { migrationId, signal }: { migrationId: string; signal: AbortSignal },
): Promise<void> {
  const [whole, partial] = [[] as Tree[], [] as Tree[]];
  for (const tree of trees) (reachIn(tree).length === 0 ? whole : partial).push(tree);
  const groups = [...(whole.length > 0 ? [whole] : []), ...partial.map((tree) => [tree])];
  const found: string[] = [];
  for (const group of groups) found.push(...(await uncarriedIn(runtime, group, { migrationId, signal })));
  if (found.length === 0) return;
  throw new StackferryError(
    'pack_failed',
    shortened(
      `A copy can’t carry everything the data has, so nothing was stopped. ${found.join('; ')}.`,
      limits.agent.uncarriedCharsMax,
    ),
  );
}

/** Of several trees, or of one that something is left out of. */
async function uncarriedIn(
  runtime: HelperRuntime,
  trees: Tree[],
  { migrationId, signal }: { migrationId: string; signal: AbortSignal },
): Promise<string[]> {
  const helper = await readFromHelper(runtime, {
    migrationId,
    purpose: 'measure',
    mount: trees,
    readOnly: true,
    // The kernel shows `trusted.*` only with this capability. This helper runs only the script below, and can write
    // nowhere.
    capabilities: [...packCapabilities, 'SYS_ADMIN'],
    script: uncarriedScript(reachIn(trees[0]!)),
    arguments: trees.map((_, index) => `/v/${index}`),
    failure: 'pack_failed',
    tolerated: [...changing, /^attributes: .*: File name too long$/],
    signal,
  });
  let text = '';
  const read = async () => {
    for await (const chunk of helper.stream) text += (chunk as Buffer).toString('utf8');
  };
  await Promise.all([read(), helper.finished]);
  const lines = text.split('\n').slice(0, -1);
  if (lines.pop() !== 'end')
    throw new StackferryError('pack_failed', 'What the helper tells of the data can’t be read.');
  return lines.map((line) => {
    const [root = '', ...what] = line.split(' ');
    return `${nameOf(trees[Number(root.slice('/v/'.length))]!)}: ${what.join(' ')}`;
  });
}

/**
 * Prints one line per kind of obstacle in each directory in "$@": the directory, the count, the kind, and the first
 * path.
 */
export const uncarriedScript = (reach: readonly Reach[]): string => `
  export LC_ALL=C
  for root; do (
    cd "$root" || exit
    { ${walkOf(reach)} -print0 || echo find failed >&2; } | ${attributesCommand('names', '.')} | awk -v root="$root" '
      /^# file: / { file = substr($0, 9); next }
      $0 == "" || /${carriedAttributes}/ || /${hostAttributes}/ { next }
      $0 in count { count[$0]++; next }
      kinds < 8 { kinds++; count[$0] = 1; first[$0] = file }
      END { for (name in count) print root, count[name], "with the attribute", name ", first " first[name] }'
    ${walkOf(reach)} -printf '%P\\0' | tr '\\n\\0' '?\\n' | awk -v root="$root" '
      length > ${pathBytesMax} && !count++ { first = substr($0, 1, 60) }
      END { if (count) print root, count, "with a path of more than ${pathBytesMax} bytes, first " first "..." }'
  ) || echo "$root could not be looked at" >&2; done
  echo end`;

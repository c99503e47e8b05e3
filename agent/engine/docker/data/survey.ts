import { join } from 'node:path';
import { StackferryError } from '../../../../schema/errors.ts';
import type { LeftOut } from '../../../../schema/facts.ts';
import { limits } from '../../../../schema/limits.ts';
import { shortened } from '../../../../schema/shortened.ts';
import { reachIn, type Tree } from '../../tree.ts';
import { type HelperRuntime, nameOf, readFromHelper } from '../helper/helper.ts';
import { changing } from '../helper/stderr-rules.ts';
import { type NestedMount, parseSurvey, surveyScript, type TreeSurvey } from './survey-script.ts';
import { packCapabilities } from './tar-arguments.ts';

/** The paths of what is left out are absolute. */
export type SurveyedTree = Omit<TreeSurvey, 'left'> & { left: LeftOut[] };

/**
 * Surveys volumes and directories through one helper, which sees what the engine mounts: this agent may be in another
 * mount namespace. The stack may be running. Throws if one of them can't be read.
 */
export async function surveyTrees(
  runtime: HelperRuntime,
  trees: Tree[],
  options: { migrationId: string; signal: AbortSignal; secondsMax: number | null },
): Promise<SurveyedTree[]> {
  const [only] = trees;
  if (!only) return [];
  // One helper each: what is left out differs.
  if (trees.length > 1 && trees.some((tree) => reachIn(tree).length > 0))
    return (await Promise.all(trees.map((tree) => surveyTrees(runtime, [tree], options)))).flat();
  const helper = await readFromHelper(runtime, {
    migrationId: options.migrationId,
    purpose: 'measure',
    mount: trees.length === 1 ? only : trees,
    readOnly: true,
    capabilities: packCapabilities,
    script: surveyScript(options.secondsMax, reachIn(only)),
    arguments: trees.length === 1 ? ['/v'] : trees.map((_, index) => `/v/${index}`),
    failure: 'pack_failed',
    tolerated: changing,
    signal: options.signal,
  });
  let text = '';
  const read = async () => {
    for await (const chunk of helper.stream) text += (chunk as Buffer).toString('utf8');
  };
  await Promise.all([read(), helper.finished]);
  const surveys = parseSurvey(text);
  if (surveys?.length === trees.length) return surveys.map((survey, index) => located(trees[index]!, survey));
  throw new StackferryError('pack_failed', 'What the helper tells of the data can’t be read.');
}

function located(tree: Tree, { left, ...survey }: TreeSurvey): SurveyedTree {
  const reach = reachIn(tree);
  const absolute = (path: string) => join('directory' in tree ? tree.directory : '/', path);
  return {
    ...survey,
    left: left.flatMap(({ paths, ...one }, index) =>
      reach[index] ? [{ pattern: reach[index].pattern, ...one, paths: paths.map(absolute) }] : [],
    ),
  };
}

/** Throws if something else is mounted below a tree: a copy would leave it out. */
export function assertWhole(tree: Tree, { nested }: Pick<TreeSurvey, 'nested'>): void {
  if (nested.length === 0) return;
  throw new StackferryError(
    'pack_failed',
    `Something else is mounted below ${nameOf(tree)} and would be left behind: ${listed(nested)}.`,
  );
}

/** Formats `cache (tmpfs), media (nfs4)`. */
export const listed = (nested: NestedMount[]): string =>
  shortened(nested.map(({ path, kind }) => `${path} (${kind})`).join(', '), limits.agent.engineMessageCharsMax);

import { StackferryError } from '../../../../schema/errors.ts';
import { limits } from '../../../../schema/limits.ts';
import { shortened } from '../../../../schema/shortened.ts';
import type { Tree } from '../../engine.ts';
import { type HelperRuntime, nameOf, readFromHelper } from '../helper/helper.ts';
import { changing } from '../helper/stderr-rules.ts';
import { type NestedMount, parseSurvey, surveyScript, type TreeSurvey } from './survey-script.ts';
import { packCapabilities } from './tar-arguments.ts';

/**
 * Surveys volumes and directories through one helper, which sees what the engine mounts: this agent may be in another
 * mount namespace. The stack may be running. Throws if one of them can't be read.
 */
export async function surveyTrees(
  runtime: HelperRuntime,
  trees: Tree[],
  options: { migrationId: string; signal: AbortSignal; secondsMax: number | null },
): Promise<TreeSurvey[]> {
  const [only] = trees;
  if (!only) return [];
  const helper = await readFromHelper(runtime, {
    migrationId: options.migrationId,
    purpose: 'measure',
    mount: trees.length === 1 ? only : trees,
    readOnly: true,
    capabilities: packCapabilities,
    script: surveyScript(options.secondsMax),
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
  if (surveys?.length === trees.length) return surveys;
  throw new StackferryError('pack_failed', 'What the helper tells of the data can’t be read.');
}

/** Throws if something else is mounted below a tree: a copy would leave it out. */
export function assertWhole(tree: Tree, { nested }: TreeSurvey): void {
  if (nested.length === 0) return;
  throw new StackferryError(
    'pack_failed',
    `Something else is mounted below ${nameOf(tree)} and would be left behind: ${listed(nested)}.`,
  );
}

/** Formats `cache (tmpfs), media (nfs4)`. */
export const listed = (nested: NestedMount[]): string =>
  shortened(nested.map(({ path, kind }) => `${path} (${kind})`).join(', '), limits.agent.engineMessageCharsMax);

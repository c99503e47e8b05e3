import { StackferryError } from '../../../../schema/errors.ts';
import { limits } from '../../../../schema/limits.ts';
import { shortened } from '../../../../schema/shortened.ts';
import { changing } from '../complaints.ts';
import { type Carried, type HelperPlace, nameOf, readFromHelper } from '../helper.ts';
import { packCapabilities } from '../tar-arguments.ts';
import { type NestedMount, parseSurvey, surveyScript, type TreeSurvey } from './survey-script.ts';

/**
 * Looks at volumes and directories through one helper, which sees what the engine would mount for a container: this agent
 * may be in another mount namespace. Their stack may run. Throws where one of them can't be seen.
 */
export async function surveyTrees(
  place: HelperPlace,
  trees: Carried[],
  options: { migrationId: string; signal: AbortSignal; secondsMax: number | null },
): Promise<TreeSurvey[]> {
  const [only] = trees;
  if (!only) return [];
  const helper = await readFromHelper(place, {
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

/** Throws where something else is mounted below a tree: it would be left out of a copy. */
export function assertWhole(tree: Carried, { nested }: TreeSurvey): void {
  if (nested.length === 0) return;
  throw new StackferryError(
    'pack_failed',
    `Something else is mounted below ${nameOf(tree)} and would be left behind: ${listed(nested)}.`,
  );
}

/** `cache (tmpfs), media (nfs4)` */
export const listed = (nested: NestedMount[]): string =>
  shortened(nested.map(({ path, kind }) => `${path} (${kind})`).join(', '), limits.agent.engineMessageCharsMax);

import { StackferryError } from '../../../../schema/errors.ts';
import { realOf } from '../../../real-path.ts';
import type { DockerContext } from '../context.ts';
import { boundPaths } from '../data/mount-sources.ts';
import { projectSummaries } from '../facts/stack-summaries.ts';
import type { MapContext } from '../path-maps/project-paths.ts';
import { listVolumes } from '../stack/volumes.ts';
import { refusesNew } from './protected-paths.ts';

/**
 * Throws `policy_refused` unless containers of the stack mount each of these paths, outside the host's own directories: an
 * attacker in control of the control plane must not be able to read any other directory of this host by naming it.
 */
export async function assertBindMounts(
  context: MapContext & Pick<DockerContext, 'ownPaths'>,
  project: string,
  binds: string[],
): Promise<void> {
  if (binds.length === 0) return;
  const { api, ownPaths } = context;
  const [stacks, own, all] = await Promise.all([projectSummaries(context), ownPaths(), listVolumes(api)]);
  const { bind_mounts = [], volumes = [] } = stacks.find((stack) => stack.project === project) ?? {};
  const bound = boundPaths(all.filter(({ Name }) => volumes.includes(Name)));
  const mounted = [...bind_mounts, ...bound.values()];
  const real = await Promise.all(mounted.map(realOf));
  for (const path of binds) {
    if (!mounted.includes(path) && !real.includes(path))
      throw new StackferryError('policy_refused', `${path} is not a bind mount of the stack "${project}".`);
    const reached = refusesNew(await realOf(path), own);
    if (reached !== null)
      throw new StackferryError('policy_refused', `${path} reaches ${reached}, which belongs to this host.`);
  }
}

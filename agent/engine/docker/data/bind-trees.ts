import { stat, statfs } from 'node:fs/promises';
import type { BindTree, StackFacts } from '../../../../schema/facts.ts';
import { isInside } from '../../../compose/project.ts';
import { realOf } from '../../../real-path.ts';
import type { DockerContext } from '../context.ts';
import { seesHostPath } from '../facts/own-container.ts';
import { composeLabels, helperLabel } from '../labels.ts';
import { refusesNew } from '../policy/protected-paths.ts';
import { listContainers } from '../stack/containers.ts';
import { listVolumes } from '../stack/volumes.ts';
import { boundPaths, hostPathOf, nameOfContainer } from './mount-sources.ts';

/** A bind mount's data before it is measured. */
export type UnmeasuredTree = Omit<BindTree, 'size_bytes' | 'mounted' | 'exclusion'>;

/** What lies behind the bind mounts of a stack outside its project directory, and who else uses it. */
export async function bindTrees(
  context: Pick<DockerContext, 'api' | 'own' | 'ownPaths'>,
  project: string,
  directory: string,
  binds: StackFacts['bind_mounts'],
): Promise<UnmeasuredTree[]> {
  const paths = [...new Set(binds.filter(({ inside_project }) => !inside_project).map(({ source }) => source))];
  if (paths.length === 0) return [];
  const [others, ownPaths, projectDirectory] = await Promise.all([
    mountsOfOthers(context, project),
    context.ownPaths(),
    realOf(directory),
  ]);
  return Promise.all(
    paths.map(async (path) => {
      const real = await realOf(path);
      const users = others.filter(({ source }) => isInside(real, source));
      const above = others.filter(({ source, writable }) => writable && source !== real && isInside(source, real));
      return {
        path,
        real,
        kind: seesHostPath(context.own, real) ? await kindOf(real) : 'unseen',
        reaches: isInside(real, projectDirectory) ? directory : refusesNew(real, ownPaths),
        also_used_by: namesOf(users),
        written_from_above: namesOf(above),
      };
    }),
  );
}

/** f_type of NFS, CIFS, SMB2, Ceph, AFS and 9P (statfs(2)). */
const networkTypes = [0x6969, 0xff534d42, 0xfe534d42, 0x00c36400, 0x5346414f, 0x01021997];

const isOnNetwork = (path: string): Promise<boolean> =>
  statfs(path).then(
    ({ type }) => networkTypes.includes(type >>> 0),
    () => false,
  );

const namesOf = (users: { container: string }[]) => [...new Set(users.map(({ container }) => container))];

async function kindOf(path: string): Promise<BindTree['kind']> {
  const found = await stat(path).catch(() => null);
  if (!found) return 'absent';
  if (found.isDirectory()) return (await isOnNetwork(path)) ? 'network' : 'directory';
  if (found.isSocket()) return 'socket';
  if (found.isFIFO()) return 'fifo';
  return found.isFile() ? 'file' : 'device';
}

/**
 * Real paths that containers mount, running or not, by a bind or by a volume that is one; without those of a project,
 * and without agents and their helpers.
 */
export async function mountsOfOthers(
  { api, own }: Pick<DockerContext, 'api' | 'own'>,
  project: string | null,
): Promise<{ container: string; source: string; writable: boolean }[]> {
  const [containers, volumes] = await Promise.all([listContainers(api), listVolumes(api)]);
  const bound = boundPaths(volumes);
  const others = containers.filter(
    ({ Id, Labels }) =>
      (project === null || Labels[composeLabels.project] !== project) && !(helperLabel in Labels) && Id !== own?.id,
  );
  const mounted = others.flatMap((container) =>
    container.Mounts.flatMap((mount) => {
      const source = hostPathOf(mount, bound);
      return source?.startsWith('/')
        ? [{ container: nameOfContainer(container), source, writable: mount.RW !== false }]
        : [];
    }),
  );
  return Promise.all(mounted.map(async (one) => ({ ...one, source: await realOf(one.source) })));
}

export async function mountersOf(
  context: Pick<DockerContext, 'api' | 'own'>,
  directory: string,
  project: string | null,
): Promise<string[]> {
  const real = await realOf(directory);
  return namesOf((await mountsOfOthers(context, project)).filter(({ source }) => isInside(real, source)));
}

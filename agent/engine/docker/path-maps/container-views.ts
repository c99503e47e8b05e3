import { resolve } from 'node:path';
import { isInside } from '../../../compose/project.ts';
import type { PathMap } from '../../../path-map.ts';
import { boundPaths, hostPathOf, nameOfContainer } from '../data/mount-sources.ts';
import { composeLabels, helperLabel } from '../labels.ts';
import type { ContainerSummary } from '../stack/containers.ts';
import { isPlain, type Volume } from '../stack/volumes.ts';

/** A directory as a container has it: through which of its mounts, and so where on this host. */
export interface ContainerView {
  id: string;
  name: string;
  map: PathMap;
}

interface Mounted {
  containers: ContainerSummary[];
  volumes: Volume[];
  /** The agent's own container. */
  ownId: string | undefined;
}

/**
 * Containers that mount this directory or one above it, by the mount that they see there. Leaves out the stack's own,
 * which say nothing about where Compose ran, and those with another mount below: they see more than the directory.
 */
export function viewsOf({ containers, volumes, ownId }: Mounted, directory: string, project: string): ContainerView[] {
  const bound = boundPaths(volumes);
  const plain = new Map(volumes.filter(isPlain).map(({ Name, Mountpoint }) => [Name, Mountpoint]));
  return containers.flatMap((container) => {
    const { Id, Labels, Mounts } = container;
    if (Labels[composeLabels.project] === project || helperLabel in Labels || Id === ownId) return [];
    const mounts = Mounts.map((mount) => ({ ...mount, at: resolve('/', mount.Destination ?? '/') }));
    if (mounts.some(({ at }) => at !== directory && isInside(directory, at))) return [];
    const [nearest] = mounts
      .filter(({ at }) => at !== '/' && isInside(at, directory))
      .sort((one, other) => other.at.length - one.at.length);
    const to = nearest && (hostPathOf(nearest, bound) ?? plain.get(nearest.Name ?? ''));
    return to?.startsWith('/') ? [{ id: Id, name: nameOfContainer(container), map: { from: nearest!.at, to } }] : [];
  });
}

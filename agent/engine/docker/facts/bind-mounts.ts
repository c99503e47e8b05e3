import { resolve } from 'node:path';
import type { StackFacts } from '../../../../schema/facts.ts';
import type { ComposeModel } from '../../../compose/model.ts';
import { isInside } from '../../../compose/project.ts';
import { realOf } from '../../../real-path.ts';
import { type Container, serviceOf } from '../stack/containers.ts';
import type { FoundVolumes } from './stack-volumes.ts';

type BindMount = StackFacts['bind_mounts'][number];
type Mount = Pick<BindMount, 'service' | 'source' | 'target' | 'read_only' | 'volume'>;

export interface FoundBinds {
  /** What will be mounted: as the containers have it, and as the file says of services that have drifted. */
  binds: BindMount[];
  /** Sources outside the project that only the file has so far. */
  unmounted: Set<string>;
  /** Mounts outside the project that only the containers have. */
  dropped: BindMount[];
}

/** `drifted`: services whose containers are not what the file says. */
export async function findBinds(
  containers: Container[],
  model: ComposeModel,
  drifted: ReadonlySet<string>,
  directory: string,
  bound: FoundVolumes['bound'] = new Map(),
): Promise<FoundBinds> {
  const locate = await locator(directory);
  const written = [...drifted].flatMap((service) => writtenOf(model, service));
  const isWritten = (mount: Mount) => written.some((one) => isSame(one, mount));
  const made = (await Promise.all(containers.flatMap((container) => madeOf(container, bound)).map(locate))).filter(
    firstOfItsKind,
  );
  const inherits = (service: string) => (model.services[service]?.volumes_from ?? []).length > 0;
  const dropped = made.filter(
    (mount) =>
      drifted.has(mount.service) &&
      mount.volume === null &&
      !mount.inside_project &&
      !inherits(mount.service) &&
      !isWritten({ ...mount, source: mount.link ?? mount.source }),
  );
  const isMade = (mount: Mount) => made.some((one) => isSame({ ...one, source: one.link ?? one.source }, mount));
  const added = await Promise.all(written.filter((mount) => !isMade(mount)).map(locate));
  const mounted = new Set(made.map(({ source }) => source));
  return {
    binds: [...made.filter((mount) => !dropped.includes(mount)), ...added],
    unmounted: new Set(added.map(({ source }) => source).filter((source) => !mounted.has(source))),
    dropped,
  };
}

const madeOf = (container: Container, bound: FoundVolumes['bound']): Mount[] =>
  container.Mounts.flatMap(({ Type, Name = '', Source, Destination, RW }) => {
    const by = Type === 'volume' ? bound.get(Name) : undefined;
    if (Type !== 'bind' && !by) return [];
    const at = { service: serviceOf(container), target: Destination, read_only: RW === false };
    return [{ ...at, source: by?.device ?? Source, volume: by ? { name: Name, key: by.key } : null }];
  });

const writtenOf = (model: ComposeModel, service: string): Mount[] =>
  (model.services[service]?.volumes ?? []).flatMap(({ type, source, target, read_only = false }) =>
    type === 'bind' && source ? [{ service, source, target, read_only, volume: null }] : [],
  );

const isSame = (one: Mount, other: Mount): boolean =>
  one.service === other.service &&
  resolve(one.source) === resolve(other.source) &&
  resolve('/', one.target) === resolve('/', other.target);

/** Compares real paths: a link in the project directory may lead anywhere, and the data stays where it leads. */
async function locator(directory: string): Promise<(mount: Mount) => Promise<BindMount>> {
  const root = await realOf(directory);
  const isNamedInside = (path: string) => isInside(directory, path) || isInside(root, path);
  return async ({ service, source, target, read_only, volume }) => {
    const real = await realOf(source);
    const inside_project = isNamedInside(source) && isInside(root, real);
    const link = isNamedInside(source) && !inside_project ? source : null;
    return { service, source: link ? real : source, target, read_only, inside_project, link, volume };
  };
}

/** Replicas have the same mounts. */
export function firstOfItsKind<T>(item: T, index: number, all: T[]): boolean {
  const text = JSON.stringify(item);
  return all.findIndex((other) => JSON.stringify(other) === text) === index;
}

import { join } from 'node:path';
import type { Engine, Manifest } from '../../agent/engine/engine.ts';
import type { Tree } from '../../agent/engine/tree.ts';
import type { TarSink, TarSource } from '../../agent/transfer/tar-ports.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { Actor } from './clock.ts';
import type { SimHost } from './host.ts';
import type { StackSpec } from './stacks.ts';

type Call = <T>(what: string, act: () => T) => Promise<T>;

/** What a tar carries here: which bytes, and for a project directory what its file says. */
export interface Parcel {
  content: number;
  spec: StackSpec | null;
}

/** A packer: `sim.read` is what `tar` would read now. */
export type SimSource = TarSource & { sim: { read(): Parcel } };
/** An unpacker: `sim.write` is what its exit 0 stands for. */
export type SimSink = TarSink & { sim: { write(parcel: Parcel): void } };

const never = (): never => {
  throw new Error('no tar is opened in the simulation');
};

const manifestOf = (content: number): Manifest => ({ sha256: `m${content}`.padStart(64, '0'), entries: 3 });

export function portsOf(
  host: SimHost,
  caller: Actor,
  call: Call,
): Pick<
  Engine,
  'assertBindMounts' | 'measure' | 'pack' | 'manifest' | 'unpackVolume' | 'unpackDirectory' | 'unpackProject'
> {
  const { volumes, paths, world } = host;
  const volumeOf = (name: string) => {
    const volume = volumes.get(name);
    if (!volume) throw new StackferryError('pack_failed', `no volume ${name}`);
    return volume;
  };
  const parcelOf = (tree: Tree): Parcel => {
    const volume = 'volume' in tree ? volumeOf(tree.volume) : volumes.get(tree.directory);
    if (volume) return { content: volume.content, spec: null };
    const path = 'directory' in tree ? paths.get(tree.directory) : null;
    if (!path) throw new StackferryError('pack_failed', `no directory ${JSON.stringify(tree)}`);
    return path;
  };
  const source = (read: () => Parcel): SimSource => ({ open: never, sim: { read } });
  const space = () => {
    if (host.disk.full) throw new StackferryError('disk_full', 'no space left for what arrives');
  };

  /** Created again if it is gone; another's of its name is left alone. */
  const filling = (name: string, project: string, migrationId: string): SimSink => ({
    open: never,
    reset: () =>
      call('reset', () => {
        const there = volumes.get(name);
        if (there && there.madeBy !== migrationId)
          throw new StackferryError('resource_taken', `a volume ${name} exists and is left alone`);
        const empty = { name, project, content: 0, madeBy: migrationId, foreign: false, byHand: false };
        const volume = Object.assign(there ?? empty, { content: 0, filledBy: caller });
        volumes.set(name, volume);
        world.truth.unpacked(host, volume, migrationId, 0);
      }),
    sim: {
      write: ({ content }) => {
        space();
        const volume = volumeOf(name);
        world.truth.unpacked(host, volume, migrationId, content);
        Object.assign(volume, { content, byHand: false, filledBy: null });
      },
    },
  });

  return {
    assertBindMounts: async (project, binds) => {
      const mounted = host.containers.of(project).flatMap(({ spec }) => spec.volumes);
      if (binds.some((path) => !mounted.includes(path))) throw new StackferryError('policy_refused', 'it mounts none');
    },
    measure: (tree) => call('measure', () => ({ bytes: parcelOf(tree).content % 1_000, mark: null })),
    pack: (tree) => source(() => ({ content: parcelOf(tree).content, spec: parcelOf(tree).spec })),
    manifest: (tree) => call('manifest', () => manifestOf(parcelOf(tree).content)),

    unpackVolume: ({ name, labels }, migrationId) =>
      filling(name, labels['com.docker.compose.project'] ?? '', migrationId),
    unpackDirectory: (path, { project }, migrationId) => filling(path, project, migrationId),

    unpackProject: (directory, project, migrationId): SimSink => ({
      open: never,
      reset: () =>
        call('reset', () => {
          const there = paths.get(directory);
          if (there?.madeBy !== migrationId) return;
          paths.delete(directory);
        }),
      sim: {
        write: ({ content, spec }) => {
          space();
          const there = paths.get(directory);
          if (there && there.madeBy !== migrationId)
            throw new StackferryError('resource_taken', `${directory} exists and is left alone`);
          if (!spec) throw new Error(`the project ${project} arrived without its file`);
          const path = { path: join(directory), content, madeBy: migrationId, spec, foreign: false };
          world.truth.unpacked(host, { ...path, name: directory }, migrationId, content);
          paths.set(directory, path);
        },
      },
    }),
  };
}

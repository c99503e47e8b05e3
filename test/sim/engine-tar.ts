import { join } from 'node:path';
import type { Engine, Manifest } from '../../agent/engine/engine.ts';
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
  _caller: Actor,
  call: Call,
): Pick<
  Engine,
  | 'measureVolume'
  | 'packVolume'
  | 'packProject'
  | 'manifestVolume'
  | 'manifestProject'
  | 'unpackVolume'
  | 'unpackProject'
> {
  const { volumes, paths, world } = host;
  const volumeOf = (name: string) => {
    const volume = volumes.get(name);
    if (!volume) throw new StackferryError('pack_failed', `no volume ${name}`);
    return volume;
  };
  const pathOf = (name: string) => {
    const path = paths.get(name);
    if (!path) throw new StackferryError('pack_failed', `no directory ${name}`);
    return path;
  };
  const source = (read: () => Parcel): SimSource => ({ open: never, sim: { read } });
  const space = () => {
    if (host.disk.full) throw new StackferryError('disk_full', 'no space left for what arrives');
  };

  return {
    measureVolume: (name) => call('measure', () => ({ bytes: volumeOf(name).content % 1_000, mark: null })),
    packVolume: (name) => source(() => ({ content: volumeOf(name).content, spec: null })),
    packProject: (directory) => source(() => ({ content: pathOf(directory).content, spec: pathOf(directory).spec })),
    manifestVolume: (name) => call('manifest', () => manifestOf(volumeOf(name).content)),
    manifestProject: (directory) => call('manifest', () => manifestOf(pathOf(directory).content)),

    unpackVolume: ({ name }, migrationId): SimSink => ({
      open: never,
      reset: () =>
        call('reset', () => {
          const volume = volumeOf(name);
          world.truth.unpacked(host, volume, migrationId, 0);
          volume.content = 0;
        }),
      sim: {
        write: ({ content }) => {
          space();
          const volume = volumeOf(name);
          world.truth.unpacked(host, volume, migrationId, content);
          volume.content = content;
        },
      },
    }),

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

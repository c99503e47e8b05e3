import type { Engine, WarmCopies, WarmTarget } from '../../agent/engine/engine.ts';
import type { Tree } from '../../agent/engine/tree.ts';
import { StackferryError } from '../../schema/errors.ts';
import type { SimSink, SimSource } from './engine-tar.ts';
import type { SimHost } from './host.ts';

const never = (): never => {
  throw new Error('no stream is opened in the simulation');
};

/**
 * Passes over a running stack: each carries what the tree holds by then. The source's memory of them is that of its agent's
 * process, as in production.
 */
export function warmOf(ports: Pick<Engine, 'pack' | 'unpackVolume' | 'unpackDirectory'>, host: SimHost): WarmCopies {
  const remembered = new Map<string, { bytes: number; ms: number }[]>();
  const target = (name: string, migrationId: string, filling: SimSink): WarmTarget => {
    const sink = (vacate: () => Promise<void>): SimSink => ({
      open: never,
      reset: vacate,
      sim: {
        write: (parcel) => {
          if (host.volumes.get(name)?.madeBy !== migrationId)
            throw new StackferryError('resource_taken', `${name} is left alone`);
          filling.sim.write(parcel);
        },
      },
    });
    return { passes: sink, rest: sink };
  };
  return {
    source: async (tree: Tree, migrationId) => {
      const key = `${migrationId} ${JSON.stringify(tree)}`;
      const { sim } = ports.pack(tree, migrationId) as SimSource;
      const pass: SimSource = {
        open: never,
        sim: {
          read: () => {
            const parcel = sim.read();
            remembered.set(key, [{ bytes: 1_000, ms: 10 }]);
            return parcel;
          },
        },
      };
      return {
        passes: pass,
        more: pass,
        arrived: () => {},
        rest: { open: never, sim } as SimSource,
        report: () => remembered.get(key) ?? [],
      };
    },
    target: (spec, migrationId) => target(spec.name, migrationId, ports.unpackVolume(spec, migrationId) as SimSink),
    targetDirectory: (directory, migrationId) =>
      target(
        directory,
        migrationId,
        ports.unpackDirectory(directory, { project: '', source: null }, migrationId) as SimSink,
      ),
  };
}

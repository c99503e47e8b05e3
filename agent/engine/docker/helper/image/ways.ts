import { join } from 'node:path';
import { agentVersion } from '../../../../../node/version.ts';
import { findImage } from '../../images/images.ts';
import type { HelperRuntime } from '../helper.ts';
import type { HelperImageWays } from './helper-image.ts';
import { keptImage } from './kept-image.ts';
import { helperRepository, imageOfHost, imageOfRegistry, pulledImage } from './made-image.ts';
import { lacksOf } from './probe.ts';

/**
 * Order of sources for this host's helper image: only the operator's, if one is named; else the image of the agent's
 * own container, one built before, the host's own programs, a registry (docs/adr/0001-helper-image.md).
 */
export function helperImageWays(
  runtime: Omit<HelperRuntime, 'image'>,
  { named, ownImage, stateDir }: { named: string | null; ownImage: string | null; stateDir: string },
): HelperImageWays {
  const { api } = runtime;
  const shared = {
    lacks: (id: string, signal: AbortSignal) => lacksOf(runtime, id, signal),
    has: async (id: string) => (await findImage(api, id)) !== null,
  };
  const idOf = async (reference: string) => (await findImage(api, reference))?.Id ?? null;
  if (named !== null)
    return {
      ...shared,
      name: named,
      here: [() => idOf(named)],
      bring: [async (signal) => (await pulledImage(api, named, `${named} is not here, and`, signal)).Id],
      keep: async () => {},
    };
  const kept = keptImage(api, join(stateDir, 'helper-image.json'), agentVersion);
  return {
    ...shared,
    name: `${helperRepository}:${agentVersion}`,
    here: [
      async () => ownImage,
      async () => {
        const id = await kept.id();
        return id && (await idOf(id));
      },
    ],
    bring: [(signal) => imageOfHost(api, agentVersion, signal), (signal) => imageOfRegistry(api, agentVersion, signal)],
    keep: kept.keep,
  };
}

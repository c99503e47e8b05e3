import { lstat } from 'node:fs/promises';
import { z } from 'zod';
import { EngineAnswer } from '../api.ts';
import type { OwnContainer } from '../facts/own-container.ts';
import type { HelperRuntime } from '../helper/helper.ts';
import { agentLabel, helperLabel } from '../labels.ts';

/**
 * True if a path exists where the engine would mount it from. An agent in a container does not see the whole host, so
 * it asks the engine, which refuses to create a container with a bind mount of a missing path.
 */
export async function existsOnHost(
  { api, image, agentId }: HelperRuntime,
  path: string,
  own: OwnContainer | null = null,
): Promise<boolean> {
  const seen = await lstat(path).then(
    () => true,
    () => false,
  );
  if (own === null && seen) return true;
  const trial = {
    Image: await image(),
    Entrypoint: ['true'],
    Cmd: [],
    Labels: { [helperLabel]: 'trial', [agentLabel]: agentId },
    HostConfig: { NetworkMode: 'none', Mounts: [{ Type: 'bind', Source: path, Target: '/v', ReadOnly: true }] },
  };
  try {
    const { Id } = await api.post('/containers/create', trial, z.object({ Id: z.string() }));
    await api.delete(`/containers/${Id}?force=true`);
    return true;
  } catch (error) {
    if (error instanceof EngineAnswer && error.status < 500) return false;
    throw error;
  }
}

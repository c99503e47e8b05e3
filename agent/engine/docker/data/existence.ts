import { lstat } from 'node:fs/promises';
import { z } from 'zod';
import { EngineAnswer } from '../api.ts';
import type { HelperPlace } from '../helper.ts';
import { agentLabel, helperLabel } from '../labels.ts';

/**
 * Whether a path exists where the engine would mount it from. An agent in a container does not see all of the host: what
 * it does not find, the engine is asked for, which refuses to create a container on a path that is absent.
 */
export async function existsOnHost({ api, image, agentId }: HelperPlace, path: string): Promise<boolean> {
  const seen = await lstat(path).then(
    () => true,
    () => false,
  );
  if (seen) return true;
  const trial = {
    Image: image,
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

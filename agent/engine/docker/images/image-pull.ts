import { z } from 'zod';
import { limits } from '../../../../schema/limits.ts';
import type { RegistryLogin } from '../../../../schema/registry-logins.ts';
import { type DockerApi, EngineAnswer } from '../api.ts';

const progress = z.object({ error: z.string().optional() });

/**
 * Pulls an image, without a limit on its duration while the engine reports progress: lines may be slow and images
 * large. Throws the engine's error, which may come in an answer with status 200.
 */
export async function pullImage(
  api: DockerApi,
  reference: string,
  { signal, login }: { signal?: AbortSignal; login?: RegistryLogin | undefined },
): Promise<void> {
  const path = `/images/create?fromImage=${encodeURIComponent(reference)}`;
  const { error } = await api.post(path, undefined, progress, {
    signal,
    login,
    idleMs: limits.agent.pullIdleMsMax,
    waits: true,
  });
  if (error) throw new EngineAnswer(500, error);
}

import { z } from 'zod';
import { limits } from '../../../schema/limits.ts';
import { type DockerApi, EngineAnswer } from './api.ts';

const progress = z.object({ error: z.string().optional() });

/**
 * Pulls an image. It may take as long as it likes while the engine reports progress: a slow line ends it as little as a
 * large image does. Throws what the engine says of a failure, which may come in an answer that began well.
 */
export async function pullImage(
  api: DockerApi,
  reference: string,
  { signal }: { signal?: AbortSignal },
): Promise<void> {
  const path = `/images/create?fromImage=${encodeURIComponent(reference)}`;
  const { error } = await api.post(path, undefined, progress, {
    signal,
    idleMs: limits.agent.pullIdleMsMax,
    waits: true,
  });
  if (error) throw new EngineAnswer(500, error);
}

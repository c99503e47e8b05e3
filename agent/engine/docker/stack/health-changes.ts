import { type DockerApi, filters } from '../api.ts';

/**
 * Follows the healthchecks of these containers until the signal aborts. The returned function gives a promise of the next
 * change from then on; it never resolves if the engine does not tell.
 */
export function healthChanges(api: DockerApi, ids: string[], signal: AbortSignal): () => Promise<void> {
  let next = Promise.withResolvers<void>();
  const follow = async () => {
    const wanted = filters({ type: ['container'], container: ids, event: ['health_status'] });
    const events = await api.download(`/events?${wanted}`, { signal, timeoutMs: 0, waits: true });
    for await (const _ of events) {
      next.resolve();
      next = Promise.withResolvers<void>();
    }
  };
  // Without events the caller still polls.
  follow().catch(() => {});
  return () => next.promise;
}

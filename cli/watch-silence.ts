import { setTimeout as sleep } from 'node:timers/promises';
import type { MigrationView } from '../schema/api/migrations.ts';
import { hostView } from '../schema/api/nodes.ts';
import { limits } from '../schema/limits.ts';
import { ago } from '../schema/units.ts';
import type { ApiClient } from './api-client.ts';

type Hosts = Pick<MigrationView, 'source_host_id' | 'target_host_id'>;

/** Reports which host of a watched migration goes offline or returns, until `signal`. The event stream reports a control plane that is down. */
export async function watchSilence(
  api: Pick<ApiClient, 'get'>,
  { source_host_id, target_host_id }: Hosts,
  tell: (line: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const silent = new Set<string>();
  while (!signal.aborted) {
    for (const id of [source_host_id, target_host_id]) {
      const host = await api.get(`/hosts/${id}`, hostView).catch(() => null);
      if (!host || signal.aborted || (host.status === 'offline') === silent.has(id)) continue;
      if (host.status === 'offline') {
        silent.add(id);
        tell(
          `${host.name} is offline, last heard ${ago(host.seen_at)}. Stackferry waits for it; if it does not return, what was begun is undone where that is possible.`,
        );
      } else {
        silent.delete(id);
        tell(`${host.name} is online again.`);
      }
    }
    await sleep(limits.cli.silencePollMs, undefined, { signal }).catch(() => {});
  }
}

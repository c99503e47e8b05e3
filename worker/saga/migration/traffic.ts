import { requestKinds } from '../../../schema/agent-protocol.ts';
import { perMinute, takesConnections } from '../../../schema/forwarding.ts';
import { limits } from '../../../schema/limits.ts';
import type { Hosts, MigrationRow } from './ports.ts';

/** Connections to the old address in the last minute. Null if none are taken, or the source does not say. */
export async function trafficOf(
  { id, source_host_id, saga }: MigrationRow,
  hosts: Pick<Hosts, 'request'>,
): Promise<number | null> {
  if (!takesConnections(saga.forwarding)) return null;
  const answer = await hosts.request(source_host_id, 'traffic', { migration_id: id }, limits.control.requestMsMax);
  if (!answer.ok) return null;
  const { data } = requestKinds.traffic.answer.safeParse(answer.data);
  return data?.traffic ? perMinute(data.traffic) : null;
}

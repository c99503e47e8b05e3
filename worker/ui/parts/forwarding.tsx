import type { MigrationView, TrafficView } from '../../../schema/api/migrations.ts';
import { forwardingSays, trafficSays } from '../../../schema/units.ts';
import { ActButton } from './form.tsx';
import { Facts } from './list.tsx';
import { Moment } from './time.tsx';

/** Where connections to the old address go, and who still makes them. `traffic`: null if the source was not asked. */
export function ForwardingCard({ migration, traffic }: { migration: MigrationView; traffic: TrafficView | null }) {
  const { forwarding, id, status } = migration;
  if (!forwarding) return null;
  return (
    <section class="card">
      <h2>Forwarding</h2>
      <Facts
        rows={[
          ['New connections', forwardingSays(forwarding.phase, status)],
          ['Ports', forwarding.ports.map(({ port }) => port).join(', ') || 'none'],
          forwarding.phase === 'forwarding' && forwarding.ends_at
            ? ['Until', <Moment at={forwarding.ends_at} />]
            : null,
          ...(traffic?.ports ?? []).map((port): [string, string] => [`Port ${port.port}`, trafficSays(port)]),
          traffic && traffic.held > 0 ? ['Waiting now', String(traffic.held)] : null,
          ...(traffic?.sources ?? []).map(({ address, total }): [string, string] => [address, `${total} in all`]),
        ]}
      />
      {forwarding.phase === 'forwarding' && status === 'completed' ? (
        <ActButton action={`/ui/migrations/${id}/end-forwarding`} label="Stop forwarding" scope="migrate">
          <span class="unseen">Later connections to the old address are refused.</span>
        </ActButton>
      ) : null}
    </section>
  );
}

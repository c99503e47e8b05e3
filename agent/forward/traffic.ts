import type { TrafficReport } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';

export interface Traffic {
  record(port: string, address: string): void;
  /** Something comes that is not counted: of a client that was. */
  touch(port: string): void;
  report(): Pick<TrafficReport, 'ports' | 'sources'>;
}

interface PortCount {
  total: number;
  lastAt: number | null;
  /** Number of a bucket → connections in it, of the last minute. */
  buckets: Map<number, number>;
}

const minuteMs = 60_000;

/** Counts by port and by source address. `ports`: those that are reported without a connection as well. */
export function createTraffic(ports: string[], now: () => number = () => performance.now()): Traffic {
  const { trafficBucketMs } = limits.forward;
  const bucketsOfMinute = minuteMs / trafficBucketMs;
  const counts = new Map<string, PortCount>(
    ports.map((port) => [port, { total: 0, lastAt: null, buckets: new Map() }]),
  );
  const sources = new Map<string, number>();
  const bucketAt = (ms: number) => Math.floor(ms / trafficBucketMs);
  const forgetBefore = ({ buckets }: PortCount, current: number) => {
    for (const bucket of buckets.keys()) if (bucket <= current - bucketsOfMinute) buckets.delete(bucket);
  };

  return {
    record: (port, address) => {
      const count = counts.get(port);
      if (!count) return;
      const bucket = bucketAt(now());
      count.total += 1;
      count.lastAt = now();
      count.buckets.set(bucket, (count.buckets.get(bucket) ?? 0) + 1);
      forgetBefore(count, bucket);
      countSource(sources, address);
    },
    touch: (port) => {
      const count = counts.get(port);
      if (count) count.lastAt = now();
    },
    report: () => ({
      ports: [...counts].map(([port, count]) => {
        forgetBefore(count, bucketAt(now()));
        const per_minute = [...count.buckets.values()].reduce((sum, some) => sum + some, 0);
        return { port, per_minute, total: count.total, idle_ms: count.lastAt === null ? null : now() - count.lastAt };
      }),
      sources: busiest(sources),
    }),
  };
}

/** What came by TCP and by UDP, of the same migration. */
export function withDatagrams(
  tcp: TrafficReport,
  udp: Pick<TrafficReport, 'ports' | 'sources' | 'spliced'>,
): TrafficReport {
  const sources = new Map(tcp.sources.map(({ address, total }) => [address, total]));
  for (const { address, total } of udp.sources) sources.set(address, (sources.get(address) ?? 0) + total);
  return {
    ...tcp,
    ports: [...tcp.ports, ...udp.ports],
    sources: busiest(sources),
    spliced: tcp.spliced + udp.spliced,
  };
}

const busiest = (sources: Map<string, number>): TrafficReport['sources'] =>
  [...sources]
    .map(([address, total]) => ({ address, total }))
    .toSorted((a, b) => b.total - a.total)
    .slice(0, limits.forward.sourcesShownMax);

/**
 * Space-Saving (Metwally, Agrawal, El Abbadi 2005): a new address in a full table takes the place and count of the least
 * busy one, so a busy one is never missed, and counted too high by that much at most.
 */
function countSource(sources: Map<string, number>, address: string): void {
  const known = sources.get(address);
  if (known !== undefined) return void sources.set(address, known + 1);
  if (sources.size < limits.forward.sourcesMax) return void sources.set(address, 1);
  let least: [string, number] | null = null;
  for (const entry of sources) if (!least || entry[1] < least[1]) least = entry;
  if (!least) return;
  sources.delete(least[0]);
  sources.set(address, least[1] + 1);
}

import { agentVersion } from '../../node/version.ts';
import { activeDrainStatuses } from '../../schema/drain.ts';
import { limits } from '../../schema/limits.ts';
import { gauge, type Metric, metricBy } from '../../schema/metrics-text.ts';
import { activeStatuses, terminalStatuses } from '../../schema/migration-status.ts';
import type { FleetCounts, NodeCount } from '../store/counts.ts';

/** The control plane's metrics. Every status has a sample, so that an alert never waits for the first of its kind. */
export function viewMetrics(counts: FleetCounts): Metric[] {
  const { migrations, nodes, drains } = counts;
  const active = byStatus(activeStatuses, migrations);
  const relays = nodes.filter(({ kind }) => kind === 'relay');
  return [
    metricBy('gauge', 'stackferry_build_info', 'Always 1.', 'version', { [agentVersion]: 1 }),
    metricBy('gauge', 'stackferry_migrations', 'Active migrations.', 'status', active),
    metricBy(
      'gauge',
      'stackferry_recent_migrations',
      'Migrations that began in the last 24 hours and have ended.',
      'status',
      byStatus(terminalStatuses, migrations),
    ),
    gauge('stackferry_open_windows', 'Completed migrations that can still be rolled back.', counts.open_windows),
    gauge('stackferry_cleanups_due', 'Source copies kept beyond their safety window.', counts.cleanups_due),
    hostMetric(nodes.filter(({ kind }) => kind === 'host')),
    metricBy('gauge', 'stackferry_relays', 'Relays.', 'status', byStatus(nodeStatuses, relays)),
    metricBy('gauge', 'stackferry_drains', 'Active drains.', 'status', byStatus(activeDrainStatuses, drains)),
    gauge('stackferry_webhook_deliveries_pending', 'Webhook deliveries to be made.', counts.pending_deliveries),
    gauge(
      'stackferry_webhook_oldest_pending_seconds',
      'Age of the oldest event that waits for its delivery; 0 if none does.',
      counts.oldest_delivery_ms / 1000,
    ),
    gauge('stackferry_database_bytes', 'Size of the database; D1 takes ten gigabytes.', counts.database_bytes),
  ];
}

const nodeStatuses = ['pending', 'online', 'offline'] as const;

function byStatus<S extends string>(statuses: readonly S[], rows: readonly { status: string; count: number }[]) {
  const sumOf = (wanted: S) => rows.reduce((sum, { status, count }) => sum + (status === wanted ? count : 0), 0);
  return Object.fromEntries(statuses.map((status) => [status, sumOf(status)]));
}

/** Agents say their own version: only plain ones become a label, and only the most frequent. */
function hostMetric(hosts: NodeCount[]): Metric {
  const counts = new Map<string, number>();
  for (const { version, count } of hosts) {
    const label = labelOf(version);
    counts.set(label, (counts.get(label) ?? 0) + count);
  }
  const frequent = [...counts].toSorted(([, a], [, b]) => b - a).map(([label]) => label);
  const own = new Set(frequent.filter((label) => label !== other).slice(0, limits.observe.versionsMax));
  const samples = [...own, other].flatMap((version) => {
    const rows = hosts.filter((row) => (own.has(labelOf(row.version)) ? labelOf(row.version) : other) === version);
    const values = Object.entries(byStatus(nodeStatuses, rows)).filter(([, value]) => value > 0 || version === other);
    return values.map(([status, value]) => ({ labels: { status, version }, value }));
  });
  return { name: 'stackferry_hosts', type: 'gauge', help: 'Hosts, by the version of their agents.', samples };
}

const other = 'other';

function labelOf(version: string | null): string {
  const plain = version !== null && version.length <= limits.observe.versionCharsMax;
  return plain && /^\d+\.\d+\.\d+(?:-[0-9A-Za-z.-]+)?$/.test(version) ? version : other;
}

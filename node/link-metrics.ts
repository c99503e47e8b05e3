import { counter, gauge, type Metric, metricBy } from '../schema/metrics-text.ts';
import { agentVersion } from './version.ts';

/** Metrics that relays and agents have in common, under the given prefix. `welcomes`: accepted connections so far. */
export function linkMetrics(prefix: string, connected: boolean, welcomes: number): Metric[] {
  return [
    metricBy('gauge', `${prefix}_build_info`, 'Always 1.', 'version', { [agentVersion]: 1 }),
    gauge(`${prefix}_control_connected`, '1 while the control plane has accepted the connection.', connected ? 1 : 0),
    counter(
      `${prefix}_control_connections_total`,
      'Accepted connections: each after the first is a reconnect.',
      welcomes,
    ),
  ];
}

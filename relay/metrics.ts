import { linkMetrics } from '../node/link-metrics.ts';
import type { Observed } from '../node/observe-page.ts';
import { counter, gauge, type Metric, metricBy } from '../schema/metrics-text.ts';
import type { RelayStatus } from './listener.ts';

interface RelayState {
  /** Null until the relay listens. */
  status(): RelayStatus | null;
  /** True if the control plane has welcomed the current connection. */
  connected(): boolean;
  /** Connections to the control plane that were welcomed. */
  welcomes(): number;
}

/** What a relay shows of itself. `/status` has the same counts as JSON. */
export function observedRelay({ status, connected, welcomes }: RelayState): Observed {
  return {
    waitingFor: async () => [...(connected() ? [] : ['control_plane']), ...(status() ? [] : ['listener'])],
    metrics: () => [...linkMetrics('stackferry_relay', connected(), welcomes()), ...trafficMetrics(status())],
    pages: { '/status': () => status() ?? undefined },
  };
}

function trafficMetrics(status: RelayStatus | null): Metric[] {
  const { connections = null, waiting = null, sessions = null } = status ?? {};
  return [
    gauge('stackferry_relay_connections', 'Open sockets, in any state.', connections),
    gauge('stackferry_relay_waiting', 'Hosts that wait for their peer.', waiting),
    gauge('stackferry_relay_sessions', 'Pairs of hosts that are connected through this relay.', sessions),
    counter('stackferry_relay_sessions_total', 'Pairs that were connected.', status?.sessions_total ?? 0),
    counter('stackferry_relay_bytes_total', 'Bytes received, both directions of all pairs.', status?.bytes_total ?? 0),
    metricBy('counter', 'stackferry_relay_refused_total', 'Refused connections.', 'reason', status?.refusals ?? {}),
  ];
}

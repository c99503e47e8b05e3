import { linkMetrics } from '../node/link-metrics.ts';
import type { Observed } from '../node/observe-page.ts';
import { perMinute, type TrafficReport } from '../schema/forwarding.ts';
import { limits } from '../schema/limits.ts';
import { counter, gauge, type Metric, metricBy } from '../schema/metrics-text.ts';
import type { CommandCounts } from './command-meter.ts';
import type { Engine } from './engine/engine.ts';

export interface AgentState {
  engine: Pick<Engine, 'resources'>;
  /** True if the control plane has welcomed the current connection. */
  connected(): boolean;
  /** Connections to the control plane that were welcomed. */
  welcomes(): number;
  commands(): CommandCounts;
  bytes(): { sent: number; received: number };
  /** Periodic reports that could not be made because the engine did not answer. */
  reportFaults(): number;
  /** Milliseconds until the held lease that ends first; null if none is held. */
  leaseMsLeft(): number | null;
  /** Of each stack that left this host and whose connections it takes. */
  traffic(): Promise<TrafficReport[]>;
}

/** What an agent shows of itself. The engine is asked for readiness only, as often as `limits.observe` allows. */
export function observedAgent(state: AgentState): Observed {
  return {
    waitingFor: async () => [
      ...(state.connected() ? [] : ['control_plane']),
      ...((await answers(state.engine)) ? [] : ['engine']),
    ],
    metrics: async () => [
      ...linkMetrics('stackferry_agent', state.connected(), state.welcomes()),
      ...workMetrics(state.commands()),
      ...hostMetrics(state),
      ...trafficMetrics(await soon(state.traffic())),
    ],
  };
}

const answers = async (engine: AgentState['engine']) => (await soon(engine.resources())) !== null;

/** Null if it fails, or takes too long for a page. */
function soon<T>(asked: Promise<T>): Promise<T | null> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<null>((resolve) => {
    timer = setTimeout(() => resolve(null), limits.observe.readyMsMax);
  });
  return Promise.race([asked.catch(() => null), late]).finally(() => clearTimeout(timer));
}

/** No samples if nothing is taken, or the connection holder does not say. */
function trafficMetrics(reports: TrafficReport[] | null): Metric[] {
  const sum = (of: (report: TrafficReport) => number) =>
    reports && reports.length > 0 ? reports.reduce((all, report) => all + of(report), 0) : null;
  return [
    gauge(
      'stackferry_agent_old_address_connections_per_minute',
      'Connections of the last minute to ports of stacks that left this host, which it holds or forwards.',
      sum(perMinute),
    ),
    gauge(
      'stackferry_agent_held_connections',
      'Connections that wait for their stack to run on another host, or on this one again.',
      sum(({ held }) => held),
    ),
  ];
}

function workMetrics({ migrations, running, done, failed }: CommandCounts): Metric[] {
  return [
    gauge('stackferry_agent_migrations_active', 'Migrations with a command that runs on this host.', migrations),
    gauge('stackferry_agent_commands_running', 'Commands that run on this host.', running),
    counter('stackferry_agent_commands_done_total', 'Commands that ended well.', done),
    metricBy('counter', 'stackferry_agent_command_failures_total', 'Commands that failed.', 'code', failed),
  ];
}

function hostMetrics({ bytes, reportFaults, leaseMsLeft }: AgentState): Metric[] {
  const { sent, received } = bytes();
  const leftMs = leaseMsLeft();
  return [
    counter('stackferry_agent_sent_bytes_total', 'Bytes sent to other hosts, after compression.', sent),
    counter('stackferry_agent_received_bytes_total', 'Bytes received from other hosts, before unpacking.', received),
    counter(
      'stackferry_agent_engine_errors_total',
      'Reports to the control plane that failed because the engine did not answer.',
      reportFaults(),
    ),
    gauge(
      'stackferry_agent_lease_left_seconds',
      'Time until the lease that ends first; no sample while no stack runs under a lease.',
      leftMs === null ? null : leftMs / 1000,
    ),
  ];
}

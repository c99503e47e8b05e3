import { z } from 'zod';
import { portNumber } from './fact-values.ts';
import { limits } from './limits.ts';

/** Forwarding of connections that still come to a stack's old host. */

/** A port that the stack publishes. `host_ip`: as in the port's binding; empty for every address. */
export const forwardedPort = z.object({
  host_ip: z.string().max(64),
  port: portNumber,
  protocol: z.enum(['tcp', 'udp']).default('tcp'),
});
export type ForwardedPort = z.infer<typeof forwardedPort>;

export const forwardingPhases = ['planned', 'holding', 'forwarding', 'released', 'ended'] as const;
export type ForwardingPhase = (typeof forwardingPhases)[number];

/** The source takes new connections in place of the stack. */
export const takingPhases = ['holding', 'forwarding'] as const satisfies readonly ForwardingPhase[];
export const takesConnections = (forwarding: { phase: ForwardingPhase } | null): boolean =>
  takingPhases.some((phase) => phase === forwarding?.phase);

const count = z.number().int().nonnegative();

export const forwardedPorts = z.array(forwardedPort).max(limits.forward.portsMax);

/** The lane of the tunnel between the hosts. */
export const forwardLane = 'forward';

/**
 * Connections that came to the old address, and UDP clients that began to send there, since the first was held or the
 * connection holder was restarted. `idle_ms`:
 * since the last one, null if none came.
 */
export const trafficReport = z.object({
  ports: z
    .array(
      z.object({ port: z.string().max(64), per_minute: count, total: count, idle_ms: z.number().min(0).nullable() }),
    )
    .max(limits.forward.portsMax),
  /** The busiest first. They are read from the host when somebody asks, and stored nowhere else. */
  sources: z.array(z.object({ address: z.string().max(64), total: count })).max(limits.forward.sourcesShownMax),
  /** Open now: waiting, and passed on. */
  held: count,
  spliced: count,
});
export type TrafficReport = z.infer<typeof trafficReport>;

/** Of all ports together, in the last minute. */
export const perMinute = ({ ports }: Pick<TrafficReport, 'ports'>): number =>
  ports.reduce((sum, { per_minute }) => sum + per_minute, 0);

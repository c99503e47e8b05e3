import { z } from 'zod';
import { portNumber } from './fact-values.ts';
import { limits } from './limits.ts';

/** Forwarding of connections that still come to a stack's old host. */

/** A TCP port that the stack publishes. `host_ip`: as in the port's binding; empty for every address. */
export const forwardedPort = z.object({ host_ip: z.string().max(64), port: portNumber });
export type ForwardedPort = z.infer<typeof forwardedPort>;

export const forwardedPorts = z.array(forwardedPort).max(limits.forward.portsMax);

/** The lane of the tunnel between the hosts. */
export const forwardLane = 'forward';

/**
 * Connections that came to the old address, since the first was held or the connection holder was started anew. `idle_ms`:
 * since the last one, null if none came.
 */
export const trafficReport = z.object({
  ports: z.array(
    z.object({ port: z.string(), per_minute: z.number(), total: z.number(), idle_ms: z.number().nullable() }),
  ),
  /** The busiest first. They are read from the host when somebody asks, and stored nowhere else. */
  sources: z.array(z.object({ address: z.string(), total: z.number() })),
  /** Open now: waiting, and passed on. */
  held: z.number(),
  spliced: z.number(),
});
export type TrafficReport = z.infer<typeof trafficReport>;

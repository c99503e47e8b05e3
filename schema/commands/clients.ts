import { z } from 'zod';
import { pointedRecords, zoneAndName } from '../cutover-names.ts';
import { portNumber } from '../fact-values.ts';
import { forwardedPorts } from '../forwarding.ts';
import { limits } from '../limits.ts';
import { empty, id, project } from './parts.ts';

/** What leads clients to one copy: their connections and names. */
export const clientCommands = {
  /** Has new connections to these ports wait, before a copy stops that they reach. */
  hold_connections: { payload: z.object({ ...project, ports: forwardedPorts }), result: empty },
  /** Passes held and later connections, and datagrams, to the target, where the stack is verified. */
  forward_connections: {
    payload: z.object({
      ...project,
      peer: id,
      ports: forwardedPorts,
      /** Ports whose app is sent the client's address in a header of the PROXY protocol. */
      proxied: z.array(portNumber),
      /** When the host ends it by itself. */
      until_ms: z.number(),
    }),
    result: empty,
  },
  /** Lets connections reach the stack here again, those that waited too. */
  release_connections: { payload: z.object(project), result: empty },
  /** Ends holding and forwarding. */
  end_forwarding: { payload: z.object(project), result: empty },
  /** Connects what the source passes on to these ports of this host. */
  receive_connections: {
    payload: z.object({ ...project, peer: id, ports: forwardedPorts, until_ms: z.number() }),
    result: empty,
  },
  end_receiving: { payload: z.object(project), result: empty },
  /** Points the names of clients at this host. */
  point_names: {
    payload: z.object({ ...project, names: z.array(zoneAndName).max(limits.names.namesMax) }),
    result: z.object({ records: pointedRecords }),
  },
  /** Sets back what `point_names` changed. */
  point_names_back: { payload: z.object(project), result: z.object({ records: pointedRecords }) },
} as const;

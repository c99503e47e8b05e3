import { z } from 'zod';
import { errorCodes } from '../../schema/errors.ts';
import { forwardedPort, forwardedPorts, trafficReport } from '../../schema/forwarding.ts';
import { limits } from '../../schema/limits.ts';

/**
 * What an agent and the connection holder of its host say to each other: lines of JSON through the socket in the state
 * directory. Each connection begins with a line of the agent: `hello` for acts, `way` to become a way on (`way.ts`).
 */

/** Of acts and answers. A holder of another version is asked to end; `hello` and `end_all` stay as they are for that. */
export const holderVersion = 1;

const id = z.number().int();
const migration_id = z.string().min(1).max(64);
const listener = forwardedPort.extend({ listener: z.number().int().min(0).max(65_535) });
const listeners = z.array(listener).max(limits.forward.portsMax);

export const firstLine = z.discriminatedUnion('type', [
  z.object({ type: z.literal('hello'), version: z.number().int() }),
  /** `session`: that of the agent's hello, so that a way of an earlier agent is none. */
  z.object({ type: z.literal('way'), session: id, migration_id }),
]);

export const holderHello = z.object({ type: z.literal('hello'), version: z.number().int(), session: id });

export const holderAct = z.discriminatedUnion('type', [
  z.object({ type: z.literal('open'), id, migration_id, ports: forwardedPorts, earlier: listeners }),
  z.object({ type: z.literal('hold'), id, migration_id, until_ms: z.number() }),
  z.object({ type: z.literal('forward'), id, migration_id }),
  z.object({ type: z.literal('release'), id, migration_id }),
  z.object({ type: z.literal('end'), id, migration_id }),
  z.object({ type: z.literal('traffic'), id, migration_id }),
  z.object({ type: z.literal('end_unclaimed'), id }),
  /** Removes all rules and ends the process; answered by the end of the connection. */
  z.object({ type: z.literal('end_all'), id }),
]);
export type HolderAct = z.infer<typeof holderAct>;

type Unsent<T> = T extends unknown ? Omit<T, 'id'> : never;
export type UnsentAct = Unsent<HolderAct>;

export const holderSaid = z.union([
  z.object({ id, ok: z.literal(true), data: z.unknown() }),
  z.object({ id, ok: z.literal(false), code: z.enum(errorCodes), message: z.string() }),
  /** Another agent has taken this one's place, or the holder was told to end. */
  z.object({ type: z.literal('replaced') }),
]);
export type HolderSaid = z.infer<typeof holderSaid>;

export const openedData = z.object({ redirects: listeners });
export const trafficData = trafficReport;

export const lineOf = (message: object): string => `${JSON.stringify(message)}\n`;

import { z } from 'zod';
import { bytes, name } from './fact-values.ts';
import { hostPrivileges } from './facts.ts';

/** What a target says to a stack; the rules of `facts.ts` hold. */

const takenList = z.array(z.object({ name, by: z.string() })).nullable();

/** The target's answers to a stack's requirements. */
export const targetFacts = z.object({
  /** Path of the project directory on this host. */
  project_path: name,
  images: z.array(
    z.object({
      reference: name,
      state: z.enum(['present', 'pullable', 'differs', 'not_found', 'unauthorized', 'rate_limited', 'unreachable']),
      detail: z.string(),
      /** Lowest layers that this host already has and that need not be sent. */
      layers_present: z.number().int(),
      /** The image store can hold it under this name when the source sends it. */
      loadable: z.boolean().optional(),
    }),
  ),
  /** `name` is `port/protocol`. */
  ports_taken: takenList,
  /** Host addresses of published ports that no interface here has. */
  addresses_absent: z.array(name).nullable().default([]),
  /** Subnets, interfaces and fixed addresses that the stack's networks need and can't get here. */
  network_obstacles: z
    .array(z.object({ name, why: z.string() }))
    .nullable()
    .default([]),
  project_resources: takenList,
  names_taken: takenList,
  volumes_taken: z.array(z.object({ name, migration_id: z.string().nullable() })).nullable(),
  path: z.object({ free: z.boolean().nullable(), detail: z.string(), free_bytes: bytes.nullable() }),
  networks_absent: z.array(name).nullable(),
  /** External networks whose settings differ from those on the source; null: the agent can't make any. */
  network_differences: z
    .array(z.object({ name, differs: z.array(z.string()) }))
    .nullable()
    .default(null),
  /** Manually connected networks of the source that do not exist here. */
  joined_absent: z.array(name).default([]),
  /** Containers get the anonymous volumes that move. */
  attaches_anonymous: z.boolean().default(false),
  /** External volumes of the file that do not exist here. */
  external_volumes_absent: z.array(name).nullable(),
  devices_absent: z.array(name).nullable(),
  powers_refused: z.array(z.object({ service: name, power: z.enum(hostPrivileges), detail: z.string() })),
  /** The command by which this host's owner allows exactly these to this stack from its source; null if none can. */
  allow_line: name.nullable().default(null),
  /** Why what the owner allowed can't be read, and so does not count. */
  permissions_fault: name.nullable().default(null),
  /** Attributes of services that this host can't judge, and so refuses. */
  keys_refused: z.array(z.object({ service: name, key: name })).default([]),
  bind_mounts: z.array(z.object({ path: name, exists: z.boolean() })),
  /** Places asked for the data of bind mounts; null: the agent can't put any there. */
  bind_places: z
    .array(
      z.object({
        place: name,
        /** Null if it could not be looked at. */
        free: z.boolean().nullable(),
        /** Why it is not free, and what to do. */
        detail: z.string(),
        /** The filesystem that it is on. */
        free_bytes: bytes.nullable(),
        filesystem: z.string().nullable(),
        /** That filesystem holds the volumes too. */
        with_volumes: z.boolean(),
      }),
    )
    .nullable()
    .default(null),
  /** The agent can pull with logins that a source sends. */
  registry_logins: z.boolean().default(false),
  /** The agent can make volumes that are a tmpfs or a bind mount by their options. */
  option_volumes: z.boolean().default(false),
  compose_compatible: z.object({ ok: z.boolean(), detail: z.string() }),
});
export type TargetFacts = z.infer<typeof targetFacts>;

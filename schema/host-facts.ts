import { z } from 'zod';
import { contentDigestName } from './content-digest.ts';
import { nameFacts } from './cutover-names.ts';
import { bytes, name } from './fact-values.ts';

/** Facts about a host; the rules of `facts.ts` hold. */

/** Memory and disk of a host, or of one stack (then `total` is the host's). */
export const resources = z
  .object({
    memory: z.object({ total_bytes: bytes, used_bytes: bytes, free_bytes: bytes }),
    /** The filesystem that holds volumes. */
    disk: z.object({ path: name, total_bytes: bytes, used_bytes: bytes, free_bytes: bytes }),
    cpu: z.object({ cores: z.number(), load_1m: z.number() }),
  })
  .meta({ id: 'Resources' });
export type Resources = z.infer<typeof resources>;

export const hostFacts = z.object({
  now_ms: z.number(),
  agent_version: z.string(),
  engine: z.object({
    kind: z.enum(['docker', 'embedded']),
    version: z.string(),
    api_version: z.string(),
    compose_version: z.string().nullable(),
    os: z.string(),
    arch: z.string(),
    userns_remap: z.boolean(),
    /** The engine runs as an unprivileged user. */
    rootless: z.boolean().default(false),
    selinux: z.boolean().default(false),
    /** Runtime of containers that name none: "runc", "runsc" … */
    default_runtime: z.string().default('runc'),
    /** What pre-copy sends of large files: changed blocks, or whole files; null if it is not supported. */
    pre_copy: z.enum(['blocks', 'files']).nullable(),
    /** Rounds of passes can follow the first one: once more before the stop, or for as long as a migration holds. */
    holds: z.boolean().default(false),
    /** The fastest digest of contents that the agent knows. */
    content_digest: contentDigestName.default('sha256'),
  }),
  resources,
  /** The filesystem of images, if it is not that of volumes. */
  image_disk: z.object({ path: name, free_bytes: bytes }).nullable().default(null),
  /** Whether connections can be taken for a stack that leaves; null if the agent can't do that. `ipv6`: why not those of IPv6. */
  forwarding: z
    .object({ ok: z.boolean(), detail: z.string(), ipv6: z.string().nullable().default(null) })
    .nullable()
    .default(null),
  /** Names that can be pointed at this host; null if the agent can't do that. */
  names: nameFacts.nullable().default(null),
  helper: z.object({ image: name, ready: z.boolean(), detail: z.string() }),
  relays: z.array(
    z.object({
      ...{ id: z.string(), reachable: z.boolean(), detail: z.string() },
      /** From a question to its answer; null if it is not reached, or was not measured. */
      rtt_ms: z.number().nonnegative().nullable().default(null),
    }),
  ),
});
export type HostFacts = z.infer<typeof hostFacts>;

/** What an engine measures of them. */
export type EngineFacts = Omit<HostFacts, 'forwarding' | 'names'>;

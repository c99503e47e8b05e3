import { z } from 'zod';
import { variables } from './environment.ts';
import { unwellStates } from './facts.ts';
import { joinedNetwork } from './network-facts.ts';

/** What a host needs to create a stack's containers. */

const text = z.string().max(4096);

/** A Compose file of ours that gives bind mounts of the stack's own files another source. */
export const bindOverride = z.object({
  /** Its name in the project directory. */
  file: text,
  /** By key in the file: volumes whose options bind a path, and that path on the target. */
  volumes: z.array(z.object({ key: text, device: text })).default([]),
  /** `target`: where the service's containers mount it. */
  mounts: z.array(z.object({ service: text, target: text, source: text })),
  /** For services without containers: paths of the source whose data has another place now. */
  places: z.array(z.object({ path: text, place: text })),
});
export type BindOverride = z.infer<typeof bindOverride>;

/** An anonymous volume of the stack, and which container mounts it where. */
export const anonymousMount = z.object({
  service: text,
  /** Compose's number of the container among its service's. */
  number: z.number().int(),
  target: text,
  volume: text,
});
export type AnonymousMount = z.infer<typeof anonymousMount>;

/** How the stack is created on the target: names of the project's files relative to `working_dir`. */
export const deployment = z.object({
  project: text,
  /** The project directory on the source, and where it goes on the target. */
  source_dir: text,
  target_dir: text,
  config_files: z.array(text),
  env_files: z.array(text),
  /** Written on the target, and read after `config_files`; null if all data keeps its paths. */
  override: bindOverride.nullable().default(null),
  /** Their volumes are among those that move, by the same names. */
  anonymous: z.array(anonymousMount).default([]),
  services: z.array(text),
  /** Those whose containers on the source are not what the files say. */
  drifted: z.array(text).default([]),
  /** Services that are jobs: they must end with exit code 0. */
  one_shots: z.array(text),
  /** Replicas of each service, where they differ from the file's. */
  scale: z.record(text, z.number().int()).optional(),
  /** Variables of the shell that started the stack: `HOME` and `PWD` if the file uses them, and those that were given. */
  environment: variables.optional(),
  /** Connections to networks that the file does not name. */
  joined_networks: z.array(joinedNetwork).optional(),
  /** Services that were not simply running before the move: verification expects the same of them. */
  before: z.array(z.object({ service: text, state: z.enum(unwellStates) })).default([]),
});
export type Deployment = z.infer<typeof deployment>;

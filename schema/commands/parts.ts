import { z } from 'zod';
import { contentDigestName } from '../content-digest.ts';
import { deployment } from '../deployment.ts';
import { bytes, portNumber } from '../fact-values.ts';
import { stackImage } from '../facts.ts';
import { networkSettings } from '../network-facts.ts';

/** What several commands carry. */

export const text = z.string().max(4096);
export const id = z.string().max(64);

export const project = { project: text };

export const relayAddress = z.object({ id, host: text, port: portNumber });
export type RelayAddress = z.infer<typeof relayAddress>;

/** The engine's names. */
export const containerStates = ['created', 'running', 'restarting', 'paused', 'exited', 'dead', 'removing'] as const;

/** A container as it was before the migration's first command that changed it. */
export const containerPrior = z.object({
  id: text,
  name: text,
  service: text,
  running: z.boolean(),
  restart_policy: z.object({ name: text, maximum_retry_count: z.number().int() }),
  /** Null if not recorded: the previous release did not. */
  state: z.enum(containerStates).nullable().default(null),
  health: z.enum(['starting', 'healthy', 'unhealthy']).nullable().default(null),
  /** The image it was created from; null if the engine has no images. */
  image: z.object({ reference: text, id: text, digest: text.nullable() }).nullable().default(null),
});
export type ContainerPrior = z.infer<typeof containerPrior>;

/** What passed through one lane, as counted by its sender and by its receiver. */
export const passage = z.object({ lane: text, bytes, sha256: z.string().max(128) });
export type Passage = z.infer<typeof passage>;
/** Proof of one item: its passage, and the digest of its manifest read back from the disk. */
export const itemProof = passage.extend({ manifest_sha256: z.string().max(128), entries: z.number().int() });
export type LaneProof = z.infer<typeof itemProof>;
export const manifest = z.object({ sha256: z.string().max(128), entries: z.number().int() });

/** A container of the running stack, so that a later change of the stack is noticed. `ended`: a job that ended well. */
const seenContainer = z.object({ id: text, service: text, state: z.enum(['running', 'ended', 'stopped']) });
export type SeenContainer = z.infer<typeof seenContainer>;
/** Empty from the previous release. */
export const containers = z.array(seenContainer).default([]);

/** Progress of a migration on one host, from the host's own record. `untouched`: never changed, or restored. */
export const sourcePhases = ['untouched', 'stopped', 'retained', 'revived'] as const;
export type SourcePhase = (typeof sourcePhases)[number];
/** `made`: nothing was started, or all of it is stopped again. */
export const targetPhases = ['made', 'leased', 'armed', 'halted'] as const;
export type TargetPhase = (typeof targetPhases)[number];

export const empty = z.object({});
export const stopped = z.object({
  prior: z.array(containerPrior),
  /** Containers that did not end within their stop timeout. */
  killed: z.array(text),
});
export const removal = z.object({
  removed: z.array(text),
  remaining: z.array(z.object({ what: text, why: text })),
  /** Directories that stay, with only what the migration left out in them. */
  left_out: z.array(text).default([]),
});
export const health = {
  payload: z.object({ deployment, timeout_s: z.number().int(), settle_ms: z.number().int() }),
  result: z.object({
    services: z.array(z.object({ service: text, state: text })),
    /** By the control plane's clock: what was verified runs at least until then. Null if the agent can't tell. */
    lease_until: z.number().nullable().default(null),
  }),
};
/** Containers seen running after the restart policies were set. */
export const armed = z.object({ running: z.array(text).default([]) });
/** An image sent from engine to engine; the target already has its `layers_present` lowest layers. */
export const shippedImage = stackImage.extend({ layers_present: z.number().int() });
export type ShippedImage = z.infer<typeof shippedImage>;
/** `volume`: a volume's name, or the absolute path of a bind mount's data on that host. */
export const laneVolume = z.object({ lane: text, volume: text });
/** A network that the file does not make, to be made on the target as it is on the source. */
export const externalNetwork = networkSettings.extend({ name: text });
export type ExternalNetwork = z.infer<typeof externalNetwork>;
/** Absolute paths of bind mounts' data on that host. */
export const binds = z.array(text).default([]);
/** How the contents of files are digested in manifests. */
const contentDigest = contentDigestName.default('sha256');
/** The contents of files are read ahead of the proof, which then reads what changed since; null: they are not. */
export const contentsAhead = contentDigestName.nullable().default(null);
export const carried = {
  ...project,
  peer: id,
  items: z.array(laneVolume),
  /** Send only what changed since `warm_source`: the volumes hold the rest. */
  changes: z.boolean(),
  /** Manifests include the contents of files. */
  contents: z.boolean(),
  content_digest: contentDigest,
};

/** Lanes of a project directory: of the whole, and in a pre-copy of the passes and of the final changes. */
export const wholeProjectLane = 'project';
export const warmProjectLane = 'wproject';
export const changesLane = 'project.changes';
/** The project directory in a round of passes, with its path on that host; null if it is not large. */
export const projectLane = z.object({ lane: text, directory: text }).nullable();
/** Bytes and duration of each pass, by volume. */
export const passes = z.array(z.object({ volume: text, bytes: z.array(bytes), ms: z.array(z.number()) }));
/** Set if only changes of the project directory since `warm_source` are sent; null if all of it is. */
export const projectChanges = z
  .object({
    blocks: z.boolean(),
    /** The proof includes the contents of files. */
    contents: z.boolean(),
    content_digest: contentDigest,
  })
  .nullable()
  .default(null);

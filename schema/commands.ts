import { z } from 'zod';
import { doorAddresses } from './address.ts';
import { contentDigestName } from './content-digest.ts';
import { pointedRecords, zoneAndName } from './cutover-names.ts';
import { deployment } from './deployment.ts';
import { excludePatterns } from './exclude-pattern.ts';
import { bytes, portNumber } from './fact-values.ts';
import { leftOut, stackImage, stackVolume } from './facts.ts';
import { forwardedPorts } from './forwarding.ts';
import { limits } from './limits.ts';
import { networkSettings } from './network-facts.ts';

/** What the control plane has a host change, and what the host answers; see `agent-protocol.ts`. */

const text = z.string().max(4096);
const id = z.string().max(64);

const project = { project: text };

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
const passage = z.object({ lane: text, bytes, sha256: z.string().max(128) });
export type Passage = z.infer<typeof passage>;
/** Proof of one item: its passage, and the digest of its manifest read back from the disk. */
export const itemProof = passage.extend({ manifest_sha256: z.string().max(128), entries: z.number().int() });
export type LaneProof = z.infer<typeof itemProof>;
const manifest = z.object({ sha256: z.string().max(128), entries: z.number().int() });

/** A container of the running stack, so that a later change of the stack is noticed. `ended`: a job that ended well. */
const seenContainer = z.object({ id: text, service: text, state: z.enum(['running', 'ended', 'stopped']) });
export type SeenContainer = z.infer<typeof seenContainer>;
/** Empty from the previous release. */
const containers = z.array(seenContainer).default([]);

/** Progress of a migration on one host, from the host's own record. `untouched`: never changed, or restored. */
export const sourcePhases = ['untouched', 'stopped', 'retained', 'revived'] as const;
export type SourcePhase = (typeof sourcePhases)[number];
/** `made`: nothing was started, or all of it is stopped again. */
export const targetPhases = ['made', 'leased', 'armed', 'halted'] as const;
export type TargetPhase = (typeof targetPhases)[number];

const empty = z.object({});
const stopped = z.object({
  prior: z.array(containerPrior),
  /** Containers that did not end within their stop timeout. */
  killed: z.array(text),
});
const removal = z.object({
  removed: z.array(text),
  remaining: z.array(z.object({ what: text, why: text })),
  /** Directories that stay, with only what the migration left out in them. */
  left_out: z.array(text).default([]),
});
const health = {
  payload: z.object({ deployment, timeout_s: z.number().int(), settle_ms: z.number().int() }),
  result: z.object({
    services: z.array(z.object({ service: text, state: text })),
    /** By the control plane's clock: what was verified runs at least until then. Null if the agent can't tell. */
    lease_until: z.number().nullable().default(null),
  }),
};
/** The control plane saw the copy that is to be deleted run: its volumes may hold what is nowhere else. */
const copy_ran = z.boolean().default(false);
/** Containers seen running after the restart policies were set. */
const armed = z.object({ running: z.array(text).default([]) });
/** An image sent from engine to engine; the target already has its `layers_present` lowest layers. */
export const shippedImage = stackImage.extend({ layers_present: z.number().int() });
export type ShippedImage = z.infer<typeof shippedImage>;
/** `volume`: a volume's name, or the absolute path of a bind mount's data on that host. */
const laneVolume = z.object({ lane: text, volume: text });
/** A network that the file does not make, to be made on the target as it is on the source. */
export const externalNetwork = networkSettings.extend({ name: text });
export type ExternalNetwork = z.infer<typeof externalNetwork>;
/** Absolute paths of bind mounts' data on that host. */
const binds = z.array(text).default([]);
/** How the contents of files are digested in manifests. */
const contentDigest = contentDigestName.default('sha256');
/** The contents of files are read ahead of the proof, which then reads what changed since; null: they are not. */
const contentsAhead = contentDigestName.nullable().default(null);
/** The agent knows `expect_source`: not in the previous release. */
const expectsSource = z.boolean().default(false);
const carried = {
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
const projectLane = z.object({ lane: text, directory: text }).nullable();
/** Bytes and duration of each pass, by volume. */
const passes = z.array(z.object({ volume: text, bytes: z.array(bytes), ms: z.array(z.number()) }));
/** Set if only changes of the project directory since `warm_source` are sent; null if all of it is. */
const projectChanges = z
  .object({
    blocks: z.boolean(),
    /** The proof includes the contents of files. */
    contents: z.boolean(),
    content_digest: contentDigest,
  })
  .nullable()
  .default(null);

/**
 * kind → payload and result. A new field needs a `.default()`: agents and sagas of the previous release are read.
 *
 * In order: forward commands of source and target; then the safety window's, of source and target.
 */
export const commandKinds = {
  prepare_source: {
    /** `exclude`: left out of the project directory and the bind mounts by every later command of the migration. */
    payload: z.object({ ...project, source_dir: text, volumes: z.array(text), binds, exclude: excludePatterns }),
    result: z.object({
      /** Measured by reading, so that progress has exact totals. */
      sizes: z.array(z.object({ volume: text, bytes })),
      left_out: z.array(leftOut).max(limits.api.excludePatternsMax).default([]),
      containers,
    }),
  },
  stop_stack: {
    /**
     * `expected`: ids of its containers when they were last seen; empty: any. `early`: lanes to come, to be dialled
     * meanwhile; null if the target would not.
     */
    payload: z.object({
      ...project,
      expected: z.array(text).default([]),
      early: z
        .object({ peer: id, lanes: z.array(text) })
        .nullable()
        .default(null),
    }),
    result: stopped,
  },
  /** Sends the registry logins for these images of the stack, which the target uses and forgets. */
  send_logins: {
    payload: z.object({ ...project, peer: id, references: z.array(text) }),
    result: empty,
  },
  /** Sends the images that the target can't pull, without layers it already has. */
  send_images: {
    payload: z.object({ ...project, peer: id, images: z.array(shippedImage) }),
    result: z.object({ passage }),
  },
  /** Passes over the volumes of the running stack, until they no longer shrink. */
  warm_source: {
    payload: z.object({
      ...project,
      peer: id,
      items: z.array(laneVolume),
      blocks: z.boolean(),
      /** A project directory that is too large for `stage_source`. */
      source_dir: text.nullable().default(null),
      contents: contentsAhead,
    }),
    result: z.object({
      passages: z.array(passage),
      passes,
    }),
  },
  /** One more round of passes over the running stack: what changed since the one before; everything if it is forgotten. */
  pass_source: {
    payload: z.object({
      ...project,
      peer: id,
      items: z.array(laneVolume),
      blocks: z.boolean(),
      project_lane: projectLane,
      contents: contentsAhead,
    }),
    /** `containers`: the stack as it is after the round. */
    result: z.object({ passages: z.array(passage), passes, ms: z.number(), containers }),
  },
  /** Sends the project directory while the stack runs, so that its containers can be created before the stop. */
  stage_source: {
    payload: z.object({ ...project, peer: id, source_dir: text }),
    result: z.object({ passage }),
  },
  send_volumes: {
    payload: z.object({
      ...carried,
      blocks: z.boolean(),
      /** The project directory, if `stage_source` sent it. */
      staged_dir: text.nullable(),
    }),
    result: z.object({
      proofs: z.array(itemProof),
      /** Manifest of that directory after the stop, contents included. */
      staged: manifest.nullable(),
    }),
  },
  send_project: {
    payload: z.object({ ...project, peer: id, source_dir: text, changes: projectChanges }),
    result: z.object({ proof: itemProof }),
  },
  restore_source: {
    payload: z.object({ ...project, deployment: deployment.nullable().default(null) }),
    result: z.object({ running: z.array(text) }),
  },
  /** The stack has moved: what this host keeps is the retained copy. */
  retain_source: { payload: z.object(project), result: empty },

  prepare_target: {
    payload: z.object({
      deployment,
      /** Null from the previous release. */
      peer: id.nullable().default(null),
      volumes: z.array(stackVolume),
      binds,
      networks: z.array(externalNetwork).default([]),
      /** A tmpfs or a bind mount by their options: nothing is unpacked into them. */
      option_volumes: z.array(stackVolume).default([]),
      images: z.array(stackImage),
    }),
    result: z.object({ volumes: z.array(text), addresses: doorAddresses, expects_source: expectsSource }),
  },
  /** Pulls images with the logins that the source sends. */
  pull_images: {
    payload: z.object({ ...project, peer: id, images: z.array(stackImage) }),
    result: empty,
  },
  receive_images: {
    payload: z.object({ ...project, peer: id, images: z.array(shippedImage) }),
    result: z.object({ passage }),
  },
  warm_target: {
    payload: z.object({
      ...project,
      peer: id,
      items: z.array(laneVolume),
      target_dir: text.nullable().default(null),
      contents: contentsAhead,
    }),
    result: z.object({ passages: z.array(passage) }),
  },
  pass_target: {
    payload: z.object({
      ...project,
      peer: id,
      items: z.array(laneVolume),
      project_lane: projectLane,
      contents: contentsAhead,
    }),
    result: z.object({ passages: z.array(passage), expects_source: expectsSource }),
  },
  /** Receives the project directory and creates the stack's containers from it: restart policies off, none started. */
  stage_target: {
    payload: z.object({ deployment, peer: id }),
    /** The proof's manifest includes the contents of files; `left`: once the containers are made. */
    result: z.object({ proof: itemProof, left: manifest.nullable().default(null) }),
  },
  /** Dials the first lanes while the source stops. Nothing waits for it, and it may fail. */
  expect_source: { payload: z.object({ ...project, peer: id, lanes: z.array(text) }), result: empty },
  receive_volumes: {
    /** `staged_dir`: the project directory, if `stage_target` received it. */
    payload: z.object({ ...carried, staged_dir: text.nullable().default(null) }),
    result: z.object({
      proofs: z.array(itemProof),
      /** Manifest of that directory by now, contents included. Null from the previous release. */
      staged: manifest.nullable().default(null),
    }),
  },
  receive_project: {
    payload: z.object({ ...project, peer: id, target_dir: text, changes: projectChanges }),
    result: z.object({ proof: itemProof }),
  },
  deploy: {
    payload: z.object({ deployment }),
    result: z.object({ containers: z.array(z.object({ id: text, service: text })) }),
  },
  verify_health: health,
  /** After `completed`: starts what an expired lease stopped, sets the file's restart policies, drops the lease. */
  arm_target: { payload: z.object({ deployment }), result: armed },
  /** Stops what this migration started; answers only when none of it runs. */
  stop_target: { payload: z.object(project), result: empty },
  /** Removes what this migration created, by recorded ids, nothing else. */
  cleanup_target: { payload: z.object(project), result: removal },

  /** Checks that the retained copy is intact: records, volumes, project directory. Changes nothing. */
  check_retained: { payload: z.object({ deployment, volumes: z.array(text), binds }), result: empty },
  /** Brings back the recorded containers, recreated if they are gone; restart policies off, under a lease. */
  revive_source: {
    payload: z.object({ deployment }),
    result: z.object({ containers: z.array(z.object({ id: text, service: text })) }),
  },
  verify_source: health,
  /** After `rolled_back`: restores the restart policies and drops the lease. */
  arm_source: { payload: z.object({ deployment }), result: armed },
  /** Stops what `revive_source` started; answers only when none of it runs. */
  stop_source: { payload: z.object(project), result: empty },
  /** Has new connections to these ports wait, before a copy stops that they reach. */
  hold_connections: { payload: z.object({ ...project, ports: forwardedPorts }), result: empty },
  /** Passes held and later connections to the target, where the stack is verified. */
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
  /** Removes what the migration recorded as its source, even if created by others; nothing else. */
  purge_source: { payload: z.object({ deployment, volumes: z.array(text), binds, copy_ran }), result: removal },

  /** Records, disarms and stops the stack on the target. */
  halt_target: { payload: z.object(project), result: stopped },
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
  /** Restarts what `halt_target` stopped. */
  resume_target: { payload: z.object(project), result: z.object({ running: z.array(text) }) },
  /** Removes what a rolled-back migration left on the target. */
  purge_target: { payload: z.object({ ...project, copy_ran }), result: removal },

  /**
   * Reports the host's own record to a control plane that was restored from a backup. Stops what an older epoch left
   * running.
   */
  tell_source: { payload: empty, result: z.object({ phase: z.enum(sourcePhases) }) },
  /** `running`: something of it runs, where the stack's home is here. */
  tell_target: {
    payload: empty,
    result: z.object({ phase: z.enum(targetPhases), running: z.boolean().default(true) }),
  },
} as const;
export type CommandKind = keyof typeof commandKinds;
export type CommandPayload<K extends CommandKind> = z.infer<(typeof commandKinds)[K]['payload']>;
export type CommandResult<K extends CommandKind> = z.infer<(typeof commandKinds)[K]['result']>;
export const commandKindNames = Object.keys(commandKinds) as [CommandKind, ...CommandKind[]];

export const command = z.object({
  type: z.literal('command'),
  id,
  migration_id: id,
  epoch: z.number().int().positive(),
  kind: z.enum(commandKindNames),
  /** Checked against `commandKinds[kind].payload` by the receiver. */
  payload: z.unknown(),
  /** Of the request that caused it: the same in the logs of control plane and hosts. */
  trace_id: id.nullable().default(null),
});
export type Command = z.infer<typeof command>;

import type {
  CommandPayload,
  ContainerPrior,
  containerStates,
  Deployment,
  ShippedImage,
} from '../../schema/agent-protocol.ts';
import type { HostFacts, Resources, StackFacts, StackSummary, StackVolume, TargetFacts } from '../../schema/facts.ts';
import type { TarSink, TarSource } from '../transfer/tar-ports.ts';

/**
 * What the agent's commands need of the thing that runs containers. `docker` is the product; `embedded` makes demo,
 * tests and load tests run with only Node. Every method is safe to repeat: a command that a crash cut off is run again.
 * Faults are StackferryErrors; `signal` aborts a wait.
 */
export interface Engine {
  readonly kind: 'docker' | 'embedded';

  // ------------------------------------------------------------ reading
  host(relays: HostFacts['relays']): Promise<HostFacts>;
  /** The part of it that changes all the time; cheap enough for every few seconds. */
  resources(): Promise<Resources>;
  /** Every Compose project the engine runs or holds, stopped retained copies included. */
  stacks(): Promise<StackSummary[]>;
  inspectStack(project: string, signal: AbortSignal): Promise<StackFacts>;
  checkTarget(stack: StackFacts, signal: AbortSignal): Promise<TargetFacts>;
  containers(project: string): Promise<ContainerState[]>;
  inspectContainers(ids: string[]): Promise<ContainerState[]>;
  /** Every container that can write this data, or is of the stack, whoever made it and whether it runs. */
  dataUsers(places: StandbyPlaces): Promise<DataUser[]>;
  /** Names of containers that were started since on this data, also of those that are gone again; as far as is known. */
  startedSince?(places: StandbyPlaces, sinceMs: number): Promise<string[]>;

  /** Those of these that are not here. */
  missing(objects: Pick<CreatedObjects, 'volumes' | 'paths'>): Promise<string[]>;
  /** Ids of the networks that carry the project's label. */
  projectNetworks(project: string): Promise<string[]>;

  // ------------------------------------------------------------ source
  /** Restart policies off: nothing comes back with the daemon or the host. */
  disarm(ids: string[]): Promise<void>;
  /**
   * Stops in parallel, dependants first where known. Resolves to those that had to be killed. With `graceMsMax` all at
   * once, and none gets longer than that, whatever its own stop timeout.
   */
  stop(ids: string[], signal: AbortSignal, graceMsMax?: number): Promise<string[]>;
  /** Puts containers back as recorded: policies first, then those start that ran, and what was paused is paused. Never creates, never runs a job again. */
  restore(prior: ContainerPrior[], signal: AbortSignal, deployment: Deployment | null): Promise<void>;
  /**
   * Makes what is gone of these again, known by their names, and the networks of those that are here; restart policies
   * off, started none. Throws `image_unavailable`.
   */
  recreate(deployment: Deployment, prior: ContainerPrior[], migrationId: string, signal: AbortSignal): Promise<void>;
  /** What keeps `recreate` from its work, by name. */
  irreplaceable?(project: string, prior: ContainerPrior[]): Promise<string[]>;
  /** Keeps the images of these containers from a prune. Resolves to them, by container. */
  keepImages?(ids: string[], migrationId: string): Promise<Map<string, ContainerPrior['image']>>;
  dropKeptImages?(migrationId: string): Promise<void>;
  /** Reads the tree; throws `pack_failed` where something else is mounted in it, which a copy would leave out. */
  measureVolume(volume: string, migrationId: string): Promise<MeasuredTree>;
  /** Throws where the data of a running stack has what a copy can't carry, and names it. */
  assertCarriable?(places: Omit<StandbyPlaces, 'project'>, migrationId: string, signal: AbortSignal): Promise<void>;
  packVolume(volume: string, migrationId: string): TarSource;
  /** `live`: while the stack runs, so that a file may change, or go, as it is read. */
  packProject(sourceDir: string, project: string, migrationId: string, live?: boolean): TarSource;
  /** Manifest of what is on the disk now: path, type, mode, owner, size, mtime, links, xattrs of every entry; with `contents` what the files hold too. */
  manifestVolume(volume: string, migrationId: string, contents: boolean): Promise<Manifest>;
  manifestProject(dir: string, project: string, migrationId: string, contents?: boolean): Promise<Manifest>;

  // ------------------------------------------------------------ both
  /**
   * Has at hand what reading these places (source), or filling them (target), takes: nothing that can be done before the
   * stop is done in the dark. A target's volumes are there and empty; its directory is made here, throws `resource_taken`.
   */
  standBy?(side: 'source' | 'target', places: StandbyPlaces, migrationId: string): Promise<void>;
  /** Keeps what `standBy` prepared, however long it is not used, until the function it returns is called. */
  hold?(migrationId: string): () => void;
  /** Nothing more is to be carried: what was kept at hand, or remembered, is let go. */
  release?(migrationId: string): Promise<void>;
  /** Images that go from engine to engine; null where the engine has no images of its own. */
  readonly images: ImageCarriage | null;
  /** Volumes that are copied while their stack runs; null where the engine does not offer it. */
  readonly warm: WarmCopies | null;

  // ------------------------------------------------------------ target
  /** Makes the images of the stack present, by content. */
  ensureImages(images: CommandPayload<'prepare_target'>['images'], signal: AbortSignal): Promise<void>;
  /** Creates an empty volume; throws `resource_taken` where one of that name exists that this migration did not make. */
  createVolume(spec: StackVolume, migrationId: string): Promise<void>;
  /** `reset` recreates the volume empty. */
  unpackVolume(spec: StackVolume, migrationId: string): TarSink;
  /** Unpacks below `targetDir`, which must not exist (or be this migration's own). Calls `created` before it makes anything. */
  unpackProject(targetDir: string, project: string, migrationId: string): TarSink;
  /**
   * Judges the files that arrived by this host's own policy, before anything is made of them; throws `policy_refused`.
   * `plain`: all that its start takes is to start its containers, first what others need.
   */
  assertAllowed?(deployment: Deployment, signal: AbortSignal): Promise<{ plain: boolean }>;
  /**
   * Judges the created containers as the engine has them, however the file was written; throws `policy_refused`. None of
   * them may have been started.
   */
  assertCreatedAllowed?(deployment: Deployment, containerIds: string[]): Promise<void>;
  /** Creates the stack's containers and networks, restart policies off, started none. Calls `created` as ids become known. */
  createStack(
    deployment: Deployment,
    migrationId: string,
    created: (made: Partial<CreatedObjects>) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
  /** Removes these, which never ran, and nothing else: what they use is about to be made anew. */
  discard?(containerIds: string[]): Promise<void>;
  /** What is provably of this deployment, for a crash that came between making a thing and recording it. */
  findCreated(deployment: Deployment, migrationId: string): Promise<Pick<CreatedObjects, 'containers' | 'networks'>>;
  /** Starts the created stack in dependency order, but for what was stopped before; pauses what was paused. `plain`: as `assertAllowed` found it; false where that is not known. */
  startStack(deployment: Deployment, containerIds: string[], signal: AbortSignal, plain?: boolean): Promise<void>;
  /** The restart policies that the file asks for, by service. */
  policies(deployment: Deployment, signal: AbortSignal): Promise<Record<string, ContainerPrior['restart_policy']>>;
  /** Sets the restart policies the compose file asks for, starting what should run and does not. */
  arm(deployment: Deployment, containerIds: string[], signal: AbortSignal): Promise<void>;
  /** Removes exactly these, each only if this migration made it. What is already gone counts as removed. */
  remove(objects: CreatedObjects, migrationId: string): Promise<Removal>;
  /**
   * As `remove`, whoever made them: what somebody asked to be deleted. A volume stays that anything else uses, that is not
   * the one whose mark was recorded, or in which something else is mounted.
   */
  purge(objects: PurgedObjects, migrationId: string): Promise<Removal>;
  /** Removes what an earlier run of the agent left at work: nobody can take it up again. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

export interface ImageCarriage {
  /** The archive that `save` makes, without the layers that the target has. */
  pack(images: ShippedImage[]): TarSource;
  /** Loads such an archive; throws \`image_unavailable\` where an image did not come out as the source has it. */
  unpack(images: ShippedImage[]): TarSink;
}

export interface WarmCopies {
  source(tree: { volume: string } | { directory: string }, migrationId: string, blocks: boolean): Promise<WarmVolume>;
  target(spec: StackVolume, migrationId: string): WarmTarget;
  /** A project directory that this migration made. */
  targetDirectory(directory: string, migrationId: string): WarmTarget;
}

/** For what the source's `passes` give, and its `rest`. Where that begins anew, `vacate` comes first: nothing may use the volume. */
export interface WarmTarget {
  passes: TarSink;
  rest(vacate: () => Promise<void>): TarSink;
}

/** What a migration carries: its project's directory, and volumes. */
export interface StandbyPlaces {
  project: string;
  volumes: string[];
  directory: string;
}

export interface WarmVolume {
  /** Passes over the running stack, until one no longer shrinks or is small. */
  passes: TarSource;
  /** What changed since the last of them, of the stack at rest: everything, where no pass is remembered. */
  rest: TarSource;
  /** Of each pass. */
  report(): { bytes: number; ms: number }[];
}

export interface ContainerState {
  id: string;
  name: string;
  service: string;
  state: (typeof containerStates)[number];
  /** null where the container has no healthcheck. */
  health: 'starting' | 'healthy' | 'unhealthy' | null;
  exit_code: number | null;
  restart_count: number;
  started_at: string;
  restart_policy: ContainerPrior['restart_policy'];
}

export interface DataUser extends ContainerState {
  /** Of the project and its directory: a service's container, or a one-off run (`docker compose run`). */
  of_stack: boolean;
}

/** An order-independent digest over one record per entry, and how many there were. */
export interface Manifest {
  sha256: string;
  entries: number;
}

/** Ids of what a migration made on its target; the only things a clean-up may touch. */
export interface CreatedObjects {
  containers: string[];
  networks: string[];
  volumes: string[];
  /** Absolute paths; each was absent before. */
  paths: string[];
}

/** `marks`: of volumes, as `measureVolume` gave them. */
export type PurgedObjects = CreatedObjects & { marks: Record<string, string> };

export interface MeasuredTree {
  /** As `tar` will carry it. */
  bytes: number;
  /** Tells it from a later one of its name; null where that can't be told. */
  mark: string | null;
}

export interface Removal {
  removed: string[];
  remaining: { what: string; why: string }[];
}

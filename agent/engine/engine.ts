import type { ContainerPrior, containerStates, ExternalNetwork, ShippedImage } from '../../schema/commands/parts.ts';
import type { CommandPayload } from '../../schema/commands.ts';
import type { ContentDigestName } from '../../schema/content-digest.ts';
import type { Deployment } from '../../schema/deployment.ts';
import type { LeftOut, StackFacts, StackSummary, StackVolume } from '../../schema/facts.ts';
import type { EngineFacts, HostFacts, Resources } from '../../schema/host-facts.ts';
import type { ImageLogin, RegistryLogin } from '../../schema/registry-logins.ts';
import type { TargetFacts } from '../../schema/target-facts.ts';
import type { Arriving } from '../permissions/asked.ts';
import type { TarSink, TarSource } from '../transfer/tar-ports.ts';
import type { MigratedData, Tree } from './tree.ts';

/**
 * The container engine behind the agent's commands. `docker` is the product; `embedded` needs only Node, for demo,
 * tests and load tests. Every method is idempotent: a command that a crash cut off runs again. Errors are
 * StackferryErrors; `signal` aborts a wait.
 */
export interface Engine {
  readonly kind: 'docker' | 'embedded';

  // ------------------------------------------------------------ reading
  host(relays: HostFacts['relays']): Promise<EngineFacts>;
  /** The frequently changing part of `host`; cheap enough for every few seconds. */
  resources(): Promise<Resources>;
  /** Lists every Compose project of the engine, including stopped retained copies. */
  stacks(): Promise<StackSummary[]>;
  /**
   * `environment`: variables for its files beside those that the engine finds out. `exclude`: patterns of what is to be left
   * out of its directories.
   */
  inspectStack(
    project: string,
    signal: AbortSignal,
    given?: { environment?: Record<string, string>; exclude?: string[] },
  ): Promise<StackFacts>;
  /** `bindPlaces`: paths here that the data of bind mounts is to get. `source`: the host that the stack is said to be on. */
  checkTarget(
    stack: StackFacts,
    asked: { bindPlaces: string[]; source: string | null },
    signal: AbortSignal,
  ): Promise<TargetFacts>;
  containers(project: string): Promise<ContainerState[]>;
  inspectContainers(ids: string[]): Promise<ContainerState[]>;
  /** Follows their healthchecks until the signal aborts; the function gives a promise of the next change from then on. */
  healthChanges?(ids: string[], signal: AbortSignal): () => Promise<void>;
  /** Whether these running containers accept connections at every TCP port that they publish; without those that publish none. */
  accepting?(ids: string[]): Promise<Map<string, boolean>>;
  /**
   * What a container wrote last to stdout and stderr, without control characters and the values of its environment; not
   * redacted otherwise.
   */
  lastLines?(id: string, linesMax: number): Promise<string[]>;
  /**
   * Every container that belongs to the stack or can write to its data, no matter who created it or whether it runs.
   */
  dataUsers(data: MigratedData): Promise<DataUser[]>;
  /** Names of containers started since then with access to this data, including removed ones, if the engine knows. */
  startedSince?(data: MigratedData, sinceMs: number): Promise<string[]>;

  /**
   * Names the volumes and paths that do not exist on this host; with `madeBy`, also those that this
   * migration did not create.
   */
  missing(objects: Pick<CreatedObjects, 'volumes' | 'paths'>, madeBy?: string): Promise<string[]>;
  /** Ids of the networks that carry the project's label. */
  projectNetworks(project: string): Promise<string[]>;

  // ------------------------------------------------------------ source
  /** Sets restart policies to `no`: nothing restarts with the daemon or the host. */
  disarm(ids: string[]): Promise<void>;
  /**
   * Stops in parallel, dependants first if known, and returns the containers that had to be killed. With `graceMsMax`
   * all stop at once, and no stop timeout is longer than that.
   */
  stop(ids: string[], signal: AbortSignal, graceMsMax?: number): Promise<string[]>;
  /**
   * Restores containers to their recorded state: policies first, then starts those that ran and pauses those that were
   * paused. Never creates a container, never runs a job again.
   */
  restore(prior: ContainerPrior[], signal: AbortSignal, deployment: Deployment | null): Promise<void>;
  /**
   * Recreates missing containers under their names, and the networks of existing ones; restart policies off, none
   * started. Throws `image_unavailable`.
   */
  recreate(deployment: Deployment, prior: ContainerPrior[], migrationId: string, signal: AbortSignal): Promise<void>;
  /** Names what prevents `recreate`. */
  irreplaceable?(deployment: Deployment, prior: ContainerPrior[]): Promise<string[]>;
  /** Keeps the images of these containers from a prune. Returns them by container. */
  keepImages?(ids: string[], migrationId: string): Promise<Map<string, ContainerPrior['image']>>;
  dropKeptImages?(migrationId: string): Promise<void>;
  /** Names of containers outside the project that mount the directory or a part of it, running or not. */
  mountersOf?(directory: string, project: string): Promise<string[]>;
  /** Throws `policy_refused` unless the stack mounts each of these paths and each may leave this host. */
  assertBindMounts(project: string, binds: string[]): Promise<void>;
  /** Measures the tree; throws `pack_failed` if another mount inside it would be left out of a copy. */
  measure(tree: Tree, migrationId: string): Promise<MeasuredTree>;
  /** Throws, with names, if the data of a running stack has something a copy can't carry. */
  assertCarriable?(data: Omit<MigratedData, 'project'>, migrationId: string, signal: AbortSignal): Promise<void>;
  /** `live`: the stack runs, so files may change or vanish while they are read. */
  pack(tree: Tree, migrationId: string, live?: boolean): TarSource;
  /**
   * Manifest of what is on the disk now: path, type, mode, owner, size, mtime, links, xattrs of every entry; with
   * `contents` also the files' contents, by that digest.
   */
  manifest(tree: Tree, migrationId: string, contents: ContentDigestName | null, signal: AbortSignal): Promise<Manifest>;
  /**
   * Reads the files' contents ahead of the next `manifest` with contents, which then reads what changed since. `live`: the
   * stack runs, and may write them.
   */
  learnContents?(
    tree: Tree,
    migrationId: string,
    contents: ContentDigestName,
    live: boolean,
    signal: AbortSignal,
  ): Promise<void>;

  // ------------------------------------------------------------ both
  /**
   * Prepares everything that reading this data (source) or filling it (target) needs, to keep it out of the
   * downtime. Creates a target's directory; its volumes must exist and be empty. Throws `resource_taken`.
   */
  standBy?(side: 'source' | 'target', data: MigratedData, migrationId: string): Promise<void>;
  /** Keeps what `standBy` prepared from its idle timeout until the returned function is called. */
  hold?(migrationId: string): () => void;
  /** Ends all transfers of a migration: releases what was prepared or remembered. */
  release?(migrationId: string): Promise<void>;
  /** Transfer of images from engine to engine; null if the engine has no images of its own. */
  readonly images: ImageCarriage | null;
  /** Registry logins of this host; absent if the engine pulls nothing. */
  readonly logins?: RegistryLogins;
  /** Copies volumes while their stack runs; null if the engine does not support it. */
  readonly warm: WarmCopies | null;

  // ------------------------------------------------------------ target
  /** Makes the images of the stack present, by content. The logins are for their registries. */
  ensureImages(
    images: CommandPayload<'prepare_target'>['images'],
    signal: AbortSignal,
    logins?: readonly RegistryLogin[],
  ): Promise<void>;
  /** Creates an empty volume; throws `resource_taken` if one of that name exists that this migration did not create. */
  createVolume(spec: StackVolume, migrationId: string): Promise<void>;
  /**
   * Makes a network unless one of its name is here already: then false, except where this migration made it. Throws
   * `policy_refused`.
   */
  createNetwork?(spec: ExternalNetwork, migrationId: string): Promise<boolean>;
  /** Removes those of these networks that this migration made and no container has. */
  removeNetworks?(names: string[], migrationId: string): Promise<void>;
  /** Creates one that is a tmpfs or a bind mount by its options; also throws `policy_refused`. `directory`: the project's. */
  createOptionVolume?(spec: StackVolume, stack: Arriving & { directory: string }, migrationId: string): Promise<void>;
  /** `reset` recreates the volume empty. */
  unpackVolume(spec: StackVolume, migrationId: string): TarSink;
  /** Creates an empty directory for a bind mount's data; throws `resource_taken` or `policy_refused`. */
  createDirectory(path: string, stack: Arriving, migrationId: string): Promise<void>;
  /** Fills one of those; `reset` empties it. */
  unpackDirectory(path: string, stack: Arriving, migrationId: string): TarSink;
  /** Unpacks below `targetDir`, which must not exist or be this migration's own. */
  unpackProject(targetDir: string, project: string, migrationId: string): TarSink;
  /**
   * Checks the received files against this host's policy before anything is created from them; throws `policy_refused`.
   * `source`: the host that proved to have sent them, null if none did. `plain`: starting containers in dependency
   * order is enough (no hooks, no conditions).
   */
  assertAllowed?(deployment: Deployment, source: string | null, signal: AbortSignal): Promise<{ plain: boolean }>;
  /**
   * Checks the created containers as the engine reports them, independent of how the file was written; throws
   * `policy_refused`. `source` as for `assertAllowed`.
   */
  assertCreatedAllowed?(deployment: Deployment, source: string | null, containerIds: string[]): Promise<void>;
  /**
   * Creates the stack's containers and networks, restart policies off, none started. Calls `created` as ids become
   * known.
   */
  createStack(
    deployment: Deployment,
    migrationId: string,
    created: (made: Partial<CreatedObjects>) => Promise<void>,
    signal: AbortSignal,
  ): Promise<void>;
  /** Removes exactly these containers, which never ran, because what they use is about to be recreated. */
  discard?(containerIds: string[]): Promise<void>;
  /** Finds what provably belongs to this deployment, in case of a crash between creating an object and recording it. */
  findCreated(deployment: Deployment, migrationId: string): Promise<Pick<CreatedObjects, 'containers' | 'networks'>>;
  /**
   * Starts the created stack in dependency order, except what was stopped before; pauses what was paused. `plain`: the
   * result of `assertAllowed`; false if unknown.
   */
  startStack(deployment: Deployment, containerIds: string[], signal: AbortSignal, plain?: boolean): Promise<void>;
  /** The restart policies of the file, by service. */
  policies(deployment: Deployment, signal: AbortSignal): Promise<Record<string, ContainerPrior['restart_policy']>>;
  /** Sets the file's restart policies and starts what should run and does not. */
  arm(deployment: Deployment, containerIds: string[], signal: AbortSignal): Promise<void>;
  /**
   * Removes exactly these objects, each only if this migration created it. An object that is already gone counts as
   * removed.
   */
  remove(objects: CreatedObjects, migrationId: string): Promise<Removal>;
  /**
   * Removes these objects as an explicit request, no matter who created them. A volume stays if something else uses it,
   * if its mark differs from the recorded one, or if something else is mounted in it.
   */
  purge(objects: PurgedObjects, migrationId: string): Promise<Removal>;
  /** Removes what an earlier run of the agent left running. */
  sweep(): Promise<void>;
  close(): Promise<void>;
}

export interface ImageCarriage {
  /** An archive as of `docker save`, without the layers that the target has. */
  pack(images: ShippedImage[]): TarSource;
  /** Loads such an archive; throws `image_unavailable` if an image differs from the source's. */
  unpack(images: ShippedImage[]): TarSink;
}

/** Both throw `policy_refused` for an image that is not the stack's. */
export interface RegistryLogins {
  /** Whether a login of this host gives each image. */
  check(project: string, references: string[], signal: AbortSignal): Promise<ImageLogin[]>;
  /** The logins for the registries that have these images, no others. Throws `image_unavailable` if there are none. */
  collect(project: string, references: string[], signal: AbortSignal): Promise<RegistryLogin[]>;
}

export interface WarmCopies {
  source(tree: Tree, migrationId: string, blocks: boolean): Promise<WarmVolume>;
  target(spec: StackVolume, migrationId: string): WarmTarget;
  /** A project directory that this migration created. */
  targetDirectory(directory: string, migrationId: string): WarmTarget;
}

/**
 * Sinks for the source's `passes`, `more` and `rest`. One that starts from scratch calls `vacate` first: nothing may use
 * the volume.
 */
export interface WarmTarget {
  passes(vacate: () => Promise<void>): TarSink;
  rest(vacate: () => Promise<void>): TarSink;
}

export interface WarmVolume {
  /** Passes over the running stack, until one no longer shrinks or is small. */
  passes: TarSource;
  /** The same, from where they ended; from the beginning if no pass is remembered. */
  more: TarSource;
  /** The target has proven the latest passes. Otherwise the next ones begin again: it may hold any part of these. */
  arrived(): void;
  /** What changed since the last pass, read from the stopped stack; everything if no pass is remembered. */
  rest: TarSource;
  /** One entry per pass of the latest `passes` or `more`. */
  report(): { bytes: number; ms: number }[];
}

export interface ContainerState {
  id: string;
  name: string;
  service: string;
  state: (typeof containerStates)[number];
  /** Null if the container has no healthcheck. */
  health: 'starting' | 'healthy' | 'unhealthy' | null;
  exit_code: number | null;
  restart_count: number;
  started_at: string;
  restart_policy: ContainerPrior['restart_policy'];
}

export interface DataUser extends ContainerState {
  /** It belongs to the project and its directory: a service's container, or a one-off run (`docker compose run`). */
  of_stack: boolean;
}

/** An order-independent digest over one record per entry, and the number of entries. */
export interface Manifest {
  sha256: string;
  entries: number;
}

/** Ids of what a migration created on its target; a clean-up may touch nothing else. */
export interface CreatedObjects {
  containers: string[];
  networks: string[];
  volumes: string[];
  /** Absolute paths; none existed before. */
  paths: string[];
}

/** `marks`: of volumes, from `measure`. `exclude`: patterns of what stays in the directories. */
export type PurgedObjects = CreatedObjects & { marks: Record<string, string>; exclude?: readonly string[] };

export interface MeasuredTree {
  /** Size as a tar. */
  bytes: number;
  /** Identifies the tree among later ones of its name; null if that is unknown. */
  mark: string | null;
  left_out?: LeftOut[];
}

export interface Removal {
  removed: string[];
  remaining: { what: string; why: string }[];
  /** Directories that stay, with only what the patterns leave out in them. */
  left_out?: string[];
}

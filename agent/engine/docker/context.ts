import type { PathMap } from '../../path-map.ts';
import type { Permissions } from '../../permissions/permissions.ts';
import type { DockerApi } from './api.ts';
import type { OwnContainer } from './facts/own-container.ts';
import type { HelperRuntime } from './helper/helper.ts';
import type { HelperImage } from './helper/image/helper-image.ts';

/** Shared dependencies of this engine's parts. */
export interface DockerContext {
  api: DockerApi;
  socketPath: string;
  dockerBinary: string;
  stateDir: string;
  /** Null if the agent does not run in a container. */
  own: OwnContainer | null;
  helper: HelperImage;
  place: HelperRuntime;
  /** Directory for arriving project directories; null to keep the source's path. */
  stacksDir: string | null;
  /** The operator's, by `--map-path`. */
  pathMaps: PathMap[];
  permissions: Permissions;
  /** How a person on this host calls the agent's program. */
  command: string[];
  /** Attributes of services that arriving stacks may have though this agent can't judge them. */
  allowKeys: string[];
  /** Directories of this host that belong to the agent and its engine; arriving stacks must not reach them. */
  ownPaths: () => Promise<string[]>;
}

import type { HostPower } from '../../../schema/facts.ts';
import type { DockerApi } from './api.ts';
import type { HelperPlace } from './helper.ts';
import type { HelperImage } from './helper-image.ts';

/** What the parts of this engine work with. */
export interface DockerContext {
  api: DockerApi;
  socketPath: string;
  dockerBinary: string;
  stateDir: string;
  helper: HelperImage;
  place: HelperPlace;
  /** Where arriving project directories go; null for the path they had. */
  stacksDir: string | null;
  allow: HostPower[];
  /** Directories of this host that belong to the agent and its engine; nothing that arrives may reach them. */
  ownPaths: () => Promise<string[]>;
}

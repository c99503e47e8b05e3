import type { HostPrivilege } from '../../schema/facts.ts';

/** A stack of a kind that people run: the directory of its name holds its files, this says what is to become of it. */
export interface StackDescription {
  /** What it shows, as the table in docs/what-moves.md names it. */
  pattern: string;
  /** Shell lines in its directory before it is brought up; `docker` is the source's, `$SOCKET` the path of its socket. */
  prepare?: string;
  /** Arguments of `docker compose up`. */
  up?: string[];
  /** Services that end with 0; all others run until they are stopped. */
  jobs?: string[];
  /** Image → paths that it declares as volumes. */
  imageVolumes?: Record<string, string[]>;
  /** Images that the source alone has. */
  builtHere?: string[];
  /** Shell lines in its directory once it runs. */
  meanwhile?: string;
  /** What its move has to be given; without it the pre-flight must ask for exactly that. */
  needs?: Needs;
  /** Words of the check that refuses it, whatever it is given. */
  refused?: RegExp;
}

export interface Needs {
  /** Paths of bind mounts, as seen from its directory. */
  binds?: string[];
  with_external?: true;
  /** Powers that the target's agent must let in. */
  allow?: HostPrivilege[];
}

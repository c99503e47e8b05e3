import { access, constants } from 'node:fs/promises';
import { isAbsolute, join, resolve } from 'node:path';
import { z } from 'zod';
import { isInside } from '../../../compose/project.ts';
import type { DockerApi } from '../api.ts';

const answer = z.object({
  DockerRootDir: z.string(),
  SecurityOptions: z.array(z.string()).nullish(),
  Runtimes: z.record(z.string(), z.unknown()).nullish(),
  DefaultRuntime: z.string().nullish(),
  LoggingDriver: z.string().nullish(),
  CgroupVersion: z.string().nullish(),
  Name: z.string().nullish(),
});

/** What `GET /info` reports about how this engine runs containers. */
export interface EngineInfo {
  dataRoot: string;
  /** User ids in containers differ from those on the host. */
  remapped: boolean;
  rootless: boolean;
  selinux: boolean;
  /** Docker as a snap sees another file system: `unseenBySnap`. */
  snap: boolean;
  defaultRuntime: string;
  runtimes: string[];
  /** Of containers that name none. */
  loggingDriver: string;
  cgroupVersion: string;
  hostName: string;
}

export const engineInfo = async (api: DockerApi): Promise<EngineInfo> => readInfo(await api.get('/info', answer));

export function readInfo({
  DockerRootDir,
  SecurityOptions,
  Runtimes,
  DefaultRuntime,
  LoggingDriver,
  CgroupVersion,
  Name,
}: z.infer<typeof answer>): EngineInfo {
  const has = (name: string) => (SecurityOptions ?? []).some((option) => option.split(',').includes(`name=${name}`));
  return {
    dataRoot: DockerRootDir,
    remapped: has('userns'),
    rootless: has('rootless'),
    selinux: has('selinux'),
    snap: isInside('/var/snap', DockerRootDir),
    defaultRuntime: DefaultRuntime || 'runc',
    runtimes: Object.keys(Runtimes ?? {}),
    loggingDriver: LoggingDriver || 'json-file',
    cgroupVersion: CgroupVersion || '1',
    hostName: Name ?? '',
  };
}

/** True if the agent can read and write volumes' files itself: it sees them, and user ids are the same. */
export async function reachesFiles({ dataRoot, remapped, rootless }: EngineInfo): Promise<boolean> {
  if (remapped || rootless) return false;
  // An agent in a container may not see them.
  return await access(join(dataRoot, 'volumes'), constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Runtimes that share the host's kernel, and with it FIFOs, unlike sandboxes and virtual machines (gVisor, Kata). */
const sharesKernel = /^(runc|crun|youki|nvidia)$|^io\.containerd\.(runc|crun)\b/;

/** The runtime of helpers; undefined for the engine's default. */
export const helperRuntime = ({ defaultRuntime, runtimes }: EngineInfo): string | undefined =>
  sharesKernel.test(defaultRuntime) ? undefined : runtimes.find((name) => sharesKernel.test(name));

/**
 * True if Docker as a snap does not see the path: it sees homes, except hidden files in them, and its own directories.
 */
export function unseenBySnap(path: string): boolean {
  const at = resolve('/', path);
  if (isInside('/var/snap/docker', at)) return false;
  return !isAbsolute(path) || !/^\/home\/[^/.][^/]*\/[^.]/.test(at);
}

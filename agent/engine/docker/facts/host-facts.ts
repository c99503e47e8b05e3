import { readFile, realpath, stat, statfs } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { agentVersion } from '../../../../node/version.ts';
import type { EngineFacts, HostFacts, Resources } from '../../../../schema/host-facts.ts';
import { limits } from '../../../../schema/limits.ts';
import { versionArguments } from '../../../compose/arguments.ts';
import { learnPlugin } from '../../../compose/client.ts';
import { runCompose } from '../../../compose/run.ts';
import type { DockerContext } from '../context.ts';
import { type EngineInfo, engineInfo, reachesFiles, unseenBySnap } from './engine-info.ts';

export async function hostFacts(context: DockerContext, relays: HostFacts['relays']): Promise<EngineFacts> {
  const { api } = context;
  const [info, composeVersion, helper] = await Promise.all([
    engineInfo(api),
    learnPlugin(context.dockerBinary).then((version) => version ?? composeVersionOf(context)),
    context.helper.state(),
  ]);
  return {
    now_ms: Date.now(),
    agent_version: agentVersion,
    engine: {
      kind: 'docker',
      version: api.version.Version,
      api_version: api.version.ApiVersion,
      compose_version: composeVersion?.replace(/^v/, '') ?? null,
      os: api.version.Os,
      arch: api.version.Arch,
      userns_remap: info.remapped,
      rootless: info.rootless,
      selinux: info.selinux,
      default_runtime: info.defaultRuntime,
      pre_copy: (await reachesFiles(info)) ? 'blocks' : 'files',
      holds: true,
      content_digest: 'gmac',
    },
    resources: await resourcesOf(info.dataRoot),
    image_disk: await imageDisk(info.dataRoot),
    helper: unlessHidden(helper, info, context.stateDir),
    relays,
  };
}

/** Helpers exchange data with the agent through its state directory. */
export function unlessHidden(helper: HostFacts['helper'], { snap }: EngineInfo, stateDir: string): HostFacts['helper'] {
  if (!snap || !unseenBySnap(stateDir)) return helper;
  const advice = 'start the agent with --state /var/snap/docker/common/stackferry';
  return { ...helper, ready: false, detail: `Docker is a snap here and does not see ${stateDir}: ${advice}` };
}

export const hostResources = async ({ api }: DockerContext): Promise<Resources> =>
  resourcesOf((await engineInfo(api)).dataRoot);

/** Null if the client or its compose plugin is missing. */
export async function composeVersionOf({ dockerBinary, socketPath }: DockerContext): Promise<string | null> {
  try {
    const { stdout } = await runCompose({
      binary: dockerBinary,
      arguments: versionArguments(socketPath),
      timeoutMs: limits.agent.composeReadMsMax,
      signal: AbortSignal.timeout(limits.agent.composeReadMsMax),
    });
    return stdout.trim().replace(/^v/, '');
  } catch {
    return null;
  }
}

export async function resourcesOf(dataRoot: string): Promise<Resources> {
  const path = await volumesOf(dataRoot);
  const [meminfo, disk] = await Promise.all([readFile('/proc/meminfo', 'utf8'), statfs(path)]);
  const kib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0);
  const total = kib('MemTotal') * 1024;
  const free = kib('MemAvailable') * 1024;
  return {
    memory: { total_bytes: total, used_bytes: total - free, free_bytes: free },
    disk: {
      path,
      total_bytes: disk.blocks * disk.bsize,
      used_bytes: (disk.blocks - disk.bfree) * disk.bsize,
      // Without the blocks reserved for root.
      free_bytes: disk.bavail * disk.bsize,
    },
    cpu: { cores: cpus().length, load_1m: loadavg()[0] ?? 0 },
  };
}

/** Volumes may be on a disk of their own. */
async function volumesOf(dataRoot: string): Promise<string> {
  const path = join(dataRoot, 'volumes');
  return await realpath(path).catch(() => dataRoot);
}

/** Null if volumes are on the same filesystem. */
export async function imageDisk(dataRoot: string): Promise<HostFacts['image_disk']> {
  const [images, volumes] = await Promise.all([stat(dataRoot), stat(await volumesOf(dataRoot))]);
  if (images.dev === volumes.dev) return null;
  const { bavail, bsize } = await statfs(dataRoot);
  return { path: dataRoot, free_bytes: bavail * bsize };
}

import { access, constants, readFile, statfs } from 'node:fs/promises';
import { cpus, loadavg } from 'node:os';
import { join } from 'node:path';
import { z } from 'zod';
import type { HostFacts, Resources } from '../../../schema/facts.ts';
import { limits } from '../../../schema/limits.ts';
import { versionArguments } from '../../compose/arguments.ts';
import { runCompose } from '../../compose/run.ts';
import { agentVersion } from '../../version.ts';
import type { DockerContext } from './context.ts';

const info = z.object({
  DockerRootDir: z.string(),
  SecurityOptions: z.array(z.string()).nullish(),
  Runtimes: z.record(z.string(), z.unknown()).nullish(),
});

export const engineInfo = ({ api }: DockerContext) => api.get('/info', info);

/** Measured now, on this host. */
export async function hostFacts(context: DockerContext, relays: HostFacts['relays']): Promise<HostFacts> {
  const { api } = context;
  const [{ DockerRootDir, SecurityOptions }, composeVersion, helper] = await Promise.all([
    engineInfo(context),
    composeVersionOf(context),
    context.helper.state(),
  ]);
  const remapped = (SecurityOptions ?? []).some((option) => option.includes('name=userns'));
  return {
    now_ms: Date.now(),
    agent_version: agentVersion,
    engine: {
      kind: 'docker',
      version: api.version.Version,
      api_version: api.version.ApiVersion,
      compose_version: composeVersion,
      os: api.version.Os,
      arch: api.version.Arch,
      userns_remap: remapped,
      // Blocks are written to the volume's files by the agent itself: it must see them, and owners must mean the same.
      pre_copy: !remapped && (await seesVolumes(DockerRootDir)) ? 'blocks' : 'files',
    },
    resources: await resourcesOf(DockerRootDir),
    helper,
    relays,
  };
}

export const hostResources = async (context: DockerContext): Promise<Resources> =>
  resourcesOf((await engineInfo(context)).DockerRootDir);

/** An agent in a container of its own may not. */
async function seesVolumes(dataRoot: string): Promise<boolean> {
  return await access(join(dataRoot, 'volumes'), constants.R_OK | constants.W_OK).then(
    () => true,
    () => false,
  );
}

/** Null where the client or its compose plugin is missing. */
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

async function resourcesOf(dataRoot: string): Promise<Resources> {
  const [meminfo, disk] = await Promise.all([readFile('/proc/meminfo', 'utf8'), statfs(dataRoot)]);
  const kib = (field: string) => Number(new RegExp(`^${field}:\\s+(\\d+)`, 'm').exec(meminfo)?.[1] ?? 0);
  const total = kib('MemTotal') * 1024;
  const free = kib('MemAvailable') * 1024;
  return {
    memory: { total_bytes: total, used_bytes: total - free, free_bytes: free },
    disk: {
      path: dataRoot,
      total_bytes: disk.blocks * disk.bsize,
      used_bytes: (disk.blocks - disk.bfree) * disk.bsize,
      // What a process may still write: the part kept for root is left out.
      free_bytes: disk.bavail * disk.bsize,
    },
    cpu: { cores: cpus().length, load_1m: loadavg()[0] ?? 0 },
  };
}

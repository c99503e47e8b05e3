import { statfs } from 'node:fs/promises';
import { arch, availableParallelism, loadavg, platform, totalmem } from 'node:os';
import type { HostFacts, Resources } from '../../../schema/facts.ts';
import { agentVersion } from '../../version.ts';
import type { HostRoot } from './host-root.ts';

export async function measureHost(host: HostRoot, relays: HostFacts['relays']): Promise<HostFacts> {
  return {
    now_ms: Date.now(),
    agent_version: agentVersion,
    engine: {
      kind: 'embedded',
      version: process.version,
      api_version: '1',
      compose_version: null,
      os: platform(),
      arch: arch(),
      userns_remap: false,
      rootless: false,
      selinux: false,
      default_runtime: 'process',
      pre_copy: null,
    },
    resources: await measureResources(host),
    image_disk: null,
    helper: { image: '', ready: true, detail: 'the embedded engine packs and unpacks by itself' },
    relays,
  };
}

export async function measureResources(host: Pick<HostRoot, 'root'>): Promise<Resources> {
  const disk = await diskOf(host.root);
  const total = totalmem();
  const free = process.availableMemory();
  return {
    memory: { total_bytes: total, used_bytes: Math.max(0, total - free), free_bytes: free },
    disk: { path: host.root, ...disk },
    cpu: { cores: availableParallelism(), load_1m: loadavg()[0] ?? 0 },
  };
}

/** `free` is what is left to everybody, without what the filesystem reserves for root. */
export async function diskOf(path: string): Promise<{ total_bytes: number; used_bytes: number; free_bytes: number }> {
  const { bsize, blocks, bfree, bavail } = await statfs(path);
  return { total_bytes: blocks * bsize, used_bytes: (blocks - bfree) * bsize, free_bytes: bavail * bsize };
}

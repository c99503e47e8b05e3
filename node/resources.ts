import { statfs } from 'node:fs/promises';
import { availableParallelism, loadavg, totalmem } from 'node:os';
import type { Resources } from '../schema/host-facts.ts';

export async function measureResources(path: string): Promise<Resources> {
  const disk = await diskOf(path);
  const total = totalmem();
  const free = process.availableMemory();
  return {
    memory: { total_bytes: total, used_bytes: Math.max(0, total - free), free_bytes: free },
    disk: { path, ...disk },
    cpu: { cores: availableParallelism(), load_1m: loadavg()[0] ?? 0 },
  };
}

/** `free_bytes` excludes what the filesystem reserves for root. */
export async function diskOf(path: string): Promise<{ total_bytes: number; used_bytes: number; free_bytes: number }> {
  const { bsize, blocks, bfree, bavail } = await statfs(path);
  return { total_bytes: blocks * bsize, used_bytes: (blocks - bfree) * bsize, free_bytes: bavail * bsize };
}

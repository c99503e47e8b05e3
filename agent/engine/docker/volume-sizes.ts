import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { constants } from 'node:fs';
import { access } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { z } from 'zod';
import { limits } from '../../../schema/limits.ts';
import type { DockerApi } from './api.ts';
import { type Volume, volumeAnswer } from './volumes.ts';

const timeout = limits.agent.volumeSizesMsMax;

/**
 * Bytes in each of these volumes, as their files say; holes count. What took too long is not among them: a size is worth
 * less than an answer in time. The engine would measure all volumes of the host, so it is asked only where this agent does
 * not see their files.
 */
export async function volumeSizes(api: DockerApi, volumes: Volume[]): Promise<Map<string, number>> {
  const areSeen = await Promise.all(volumes.map(({ Mountpoint }) => access(Mountpoint, constants.R_OK))).then(
    () => true,
    () => false,
  );
  if (!areSeen) return engineSizes(api);
  const sizes = await Promise.all(
    volumes.map(async ({ Name, Mountpoint }) => [Name, await directoryBytes(Mountpoint)] as const),
  );
  return new Map(sizes.flatMap(([name, bytes]) => (bytes === null ? [] : [[name, bytes]])));
}

async function directoryBytes(directory: string): Promise<number | null> {
  const arguments_ = [directory, '-xdev', '!', '-type', 'd', '-printf', '%s %n\\n'];
  // It complains of files that vanish meanwhile.
  const child = spawn('find', arguments_, { timeout, stdio: ['ignore', 'pipe', 'ignore'] });
  const ended = once(child, 'close').catch(() => [null]);
  let bytes = 0;
  for await (const line of createInterface({ input: child.stdout })) {
    const [size, names] = line.split(' ').map(Number);
    bytes += size! / names!;
  }
  const [code] = await ended;
  return code === null ? null : Math.round(bytes);
}

const usage = z.object({
  Volumes: z
    .array(volumeAnswer.pick({ Name: true }).extend({ UsageData: z.object({ Size: z.number() }).nullish() }))
    .nullish(),
});

async function engineSizes(api: DockerApi): Promise<Map<string, number>> {
  try {
    const { Volumes } = await api.get('/system/df?type=volume', usage, { timeoutMs: timeout });
    const known = (Volumes ?? []).filter(({ UsageData }) => UsageData && UsageData.Size >= 0);
    return new Map(known.map(({ Name, UsageData }) => [Name, UsageData?.Size ?? 0]));
  } catch {
    return new Map();
  }
}

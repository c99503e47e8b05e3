import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { limits } from '../../../../schema/limits.ts';
import type { DockerApi } from '../api.ts';
import type { Container } from './containers.ts';

const networks = z.array(
  z.object({
    Id: z.string(),
    Name: z.string(),
    Driver: z.string(),
    Options: z.record(z.string(), z.string()).nullish(),
  }),
);

/**
 * Shortens the kernel's ARP retry interval on the containers' bridges while `start` runs. A client that connects to a
 * published port while its container is still being attached makes the kernel look for an address that does not exist
 * yet, and by default it retries only after a second. If the host does not allow the change, containers start anyway.
 */
export async function withFastArp<T>(api: DockerApi, containers: Container[], start: () => Promise<T>): Promise<T> {
  const bridges = await bridgesOf(api, containers).catch(() => []);
  await Promise.all(bridges.map(hasten));
  try {
    return await start();
  } finally {
    await Promise.all(bridges.map(restore));
  }
}

/** Interface names, as the `bridge` driver assigns them. */
async function bridgesOf(api: DockerApi, containers: Container[]): Promise<string[]> {
  const used = new Set(containers.flatMap(({ NetworkSettings }) => Object.keys(NetworkSettings.Networks)));
  return (await api.get('/networks', networks))
    .filter(({ Name, Driver }) => Driver === 'bridge' && used.has(Name))
    .map(({ Id, Options }) => Options?.['com.docker.network.bridge.name'] ?? `br-${Id.slice(0, 12)}`);
}

/** Original settings, and number of concurrent starts, by bridge. */
const hastened = new Map<string, { before: Promise<string[]>; count: number }>();

const settingsOf = (bridge: string) =>
  ['ipv4', 'ipv6'].map((family) => `/proc/sys/net/${family}/neigh/${bridge}/retrans_time_ms`);

async function hasten(bridge: string): Promise<void> {
  const known = hastened.get(bridge) ?? { before: Promise.all(settingsOf(bridge).map(hastenOne)), count: 0 };
  hastened.set(bridge, known);
  known.count += 1;
  await known.before;
}

/** Returns the previous value, '' if there is no such setting. */
async function hastenOne(setting: string): Promise<string> {
  const before = await readFile(setting, 'utf8').catch(() => '');
  if (before) await writeFile(setting, String(limits.agent.neighbourRetryMs)).catch(() => {});
  return before;
}

async function restore(bridge: string): Promise<void> {
  const known = hastened.get(bridge);
  if (!known || --known.count > 0) return;
  hastened.delete(bridge);
  const before = await known.before;
  // The network may be gone by now.
  await Promise.all(
    settingsOf(bridge).map((setting, family) => before[family] && writeFile(setting, before[family]).catch(() => {})),
  );
}

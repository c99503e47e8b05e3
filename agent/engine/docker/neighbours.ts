import { readFile, writeFile } from 'node:fs/promises';
import { z } from 'zod';
import { limits } from '../../../schema/limits.ts';
import type { DockerApi } from './api.ts';
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
 * Starts containers so that they are reached as soon as they are up. A client that knocks at a published port while its
 * container is still being connected makes the kernel ask the bridge for an address that is not there yet, and it asks
 * again only after a second, in which everybody waits. Meanwhile it asks more often here, and as before afterwards. Where
 * the host does not let us change that, containers start all the same.
 */
export async function reachedAtOnce<T>(api: DockerApi, containers: Container[], start: () => Promise<T>): Promise<T> {
  const bridges = await bridgesOf(api, containers).catch(() => []);
  await Promise.all(bridges.map(hasten));
  try {
    return await start();
  } finally {
    await Promise.all(bridges.map(restore));
  }
}

/** Names of the interfaces, as the `bridge` driver gives them. */
async function bridgesOf(api: DockerApi, containers: Container[]): Promise<string[]> {
  const used = new Set(containers.flatMap(({ NetworkSettings }) => Object.keys(NetworkSettings.Networks)));
  return (await api.get('/networks', networks))
    .filter(({ Name, Driver }) => Driver === 'bridge' && used.has(Name))
    .map(({ Id, Options }) => Options?.['com.docker.network.bridge.name'] ?? `br-${Id.slice(0, 12)}`);
}

/** What was set before the first of those that start side by side on one bridge, and how many those are. */
const hastened = new Map<string, { before: Promise<string[]>; count: number }>();

const settingsOf = (bridge: string) =>
  ['ipv4', 'ipv6'].map((family) => `/proc/sys/net/${family}/neigh/${bridge}/retrans_time_ms`);

async function hasten(bridge: string): Promise<void> {
  const known = hastened.get(bridge) ?? { before: Promise.all(settingsOf(bridge).map(hastenOne)), count: 0 };
  hastened.set(bridge, known);
  known.count += 1;
  await known.before;
}

/** Resolves to what was set; to nothing where there is no such setting. */
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
  // A network may be gone again.
  await Promise.all(
    settingsOf(bridge).map((setting, family) => before[family] && writeFile(setting, before[family]).catch(() => {})),
  );
}

import { randomBytes } from 'node:crypto';
import { mkdir, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { openHostRoot } from '../../agent/engine/embedded/host-root.ts';
import { stackFileName } from '../../agent/engine/embedded/stack-file.ts';
import { makeStackVolumes, upStack } from '../../agent/engine/embedded/stack-lifecycle.ts';
import { dataOf } from '../../agent/engine/embedded/volume-store.ts';
import type { ApiClient } from '../../cli/api-client.ts';
import { until } from '../../cli/local/fleet.ts';
import type { MigrationView } from '../../schema/api/migrations.ts';
import { isTerminal } from '../../schema/migration-status.ts';

/** Stacks of embedded hosts, and their migrations, as the pages have them. */
interface SeedOptions {
  /** Of its one volume. */
  bytes?: number;
  /** It does not start while a file in its volume says that it is broken. */
  fragile?: boolean;
}

export async function seed(root: string, name: string, { bytes = 65_536, fragile = false }: SeedOptions = {}) {
  const host = await openHostRoot(root);
  const directory = join(host.stacks, name);
  await mkdir(directory, { recursive: true });
  const well = {
    command: ['sleep', '3600'],
    restart: 'always',
    healthcheck: { command: ['true'], interval_ms: 100 },
  };
  const app = fragile ? { command: ['sh', '-c', 'test ! -e "$VOLUME_DATA/broken" && exec sleep 3600'] } : well;
  const file = { services: { app: { ...app, volumes: ['data:/data'] } }, volumes: { data: {} } };
  await writeFile(join(directory, stackFileName), JSON.stringify(file));
  await makeStackVolumes(host, name);
  await writeFile(join(dataOf(host, `${name}_data`), 'data.bin'), randomBytes(bytes));
  await upStack(root, name);
}

/** A fragile stack that runs does not notice, and does not start again. */
export const damage = async (root: string, name: string) => writeFile(await markOf(root, name), '');
export const mend = async (root: string, name: string) => rm(await markOf(root, name));
const markOf = async (root: string, name: string) => join(dataOf(await openHostRoot(root), `${name}_data`), 'broken');

export async function hostId(api: ApiClient, name: string): Promise<string> {
  const { items } = await api.get<{ items: { id: string }[] }>(`/hosts?name=${name}`);
  if (!items[0]) throw new Error(`there is no host ${name}`);
  return items[0].id;
}

export async function hostIs(api: ApiClient, name: string, status: string): Promise<void> {
  const id = await hostId(api, name);
  // A list tells what was last recorded; this asks.
  const now = async () => (await api.get<{ status: string }>(`/hosts/${id}`)).status;
  await until(async () => (await now()) === status, `host ${name} to be ${status}`);
}

export const runsAt = (api: ApiClient, stack: string, host: string) =>
  until(async () => {
    const { items } = await api.get<{ items: { name: string; host_name: string; summary: { running: boolean } }[] }>(
      '/stacks',
    );
    return items.some((one) => one.name === stack && one.host_name === host && one.summary.running);
  }, `${stack} to run on ${host}`);

/** Starts one by the API; resolves to its id. */
export async function migrating(api: ApiClient, stack: string, to: string, options: object = {}): Promise<string> {
  const target_host_id = await hostId(api, to);
  const { id } = await api.post<MigrationView>(`/stacks/${stack}/migrate`, {
    target_host_id,
    sizing: 'stack',
    ...options,
  });
  return id;
}

export const newestOf = async (api: ApiClient, stack: string): Promise<string> =>
  (await api.get<{ items: { id: string }[] }>(`/migrations?stack=${stack}&limit=1`)).items[0]!.id;

const seen = (api: ApiClient, id: string) => api.get<MigrationView>(`/migrations/${id}`);

/** Waits for a migration's end, and until its hosts have done what it left to them. */
export async function settled(api: ApiClient, id: string): Promise<MigrationView> {
  await until(
    async () => {
      const { status, owed } = await seen(api, id);
      return isTerminal(status) && owed.length === 0;
    },
    `${id} to end`,
    patienceMs,
  );
  return seen(api, id);
}

export const becomes = (api: ApiClient, id: string, status: string) =>
  until(async () => (await seen(api, id)).status === status, `${id} to be ${status}`, patienceMs);

const patienceMs = 90_000;

import { join } from 'node:path';
import { limits } from '../../../schema/limits.ts';
import { runStateOf, stopContainer } from './containers.ts';
import { newContainer, newId, startInOrder } from './deployment.ts';
import { type HostRoot, openHostRoot } from './host-root.ts';
import { signalRun } from './process-run.ts';
import { readStackFile, volumeNameOf } from './stack-file.ts';
import { findVolume, makeVolume, projectLabel } from './volume-store.ts';

/** Equivalent of `docker compose up -d`: creates what is missing of a project, and starts it. */
export async function upStack(root: string, project: string): Promise<void> {
  const host = await openHostRoot(root);
  const directory = join(host.stacks, project);
  const file = await readStackFile(directory);
  await makeStackVolumes(host, project);
  if (!(await host.networks.all()).some((network) => network.project === project)) {
    await host.networks.put({ id: newId(), name: `${project}_default`, project, migration_id: null });
  }
  const existing = (await host.containers.all()).filter((record) => record.project === project);
  const ids = existing.map(({ id }) => id);
  for (const [service, spec] of Object.entries(file.services)) {
    if (existing.some((record) => record.service === service)) continue;
    const record = newContainer({ project, service, spec, directory, migrationId: null });
    await host.containers.put(record);
    ids.push(record.id);
  }
  await startInOrder(host, ids, AbortSignal.timeout(limits.agent.composeWriteMsMax));
}

/** Creates the project's missing volumes, empty. */
export async function makeStackVolumes(host: HostRoot, project: string): Promise<void> {
  const file = await readStackFile(join(host.stacks, project));
  for (const [key, { external }] of Object.entries(file.volumes)) {
    const name = volumeNameOf(project, key, file);
    if (external || (await findVolume(host, name))) continue;
    const labels = { [projectLabel]: project, 'com.docker.compose.volume': key };
    await makeVolume(host, { name, driver: 'local', options: {}, labels }, null);
  }
}

/** Stops everything on an embedded host, in order. */
export async function downHost(root: string): Promise<void> {
  const host = await openHostRoot(root);
  const signal = AbortSignal.timeout(limits.agent.composeWriteMsMax);
  await Promise.all((await host.containers.all()).map((record) => stopContainer(host, record.id, signal)));
}

/** Simulates a power loss: every process is killed at once, and nothing is recorded. */
export async function killHost(root: string): Promise<void> {
  const host: HostRoot = await openHostRoot(root);
  for (const record of await host.containers.all()) {
    const run = await runStateOf(host, record);
    if (run.state === 'running') signalRun(run.pid, 'SIGKILL');
  }
}

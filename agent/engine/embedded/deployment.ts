import { createHash, randomBytes } from 'node:crypto';
import type { ContainerPrior } from '../../../schema/commands/parts.ts';
import type { Deployment } from '../../../schema/deployment.ts';
import { StackferryError } from '../../../schema/errors.ts';
import type { CreatedObjects } from '../engine.ts';
import { changeContainer, startContainer } from './containers.ts';
import type { ContainerRecord, HostRoot } from './host-root.ts';
import { readStackFile, type ServiceFile, startOrder } from './stack-file.ts';

const off = { name: 'no', maximum_retry_count: 0 };

/**
 * Records the stack's containers and its network, restart policies off, none started. Keeps the records of an earlier
 * run.
 */
export async function createStack(
  host: HostRoot,
  deployment: Deployment,
  migrationId: string,
  created: (made: Partial<CreatedObjects>) => Promise<void>,
): Promise<void> {
  const { project, target_dir, services, one_shots } = deployment;
  const file = await readStackFile(target_dir);
  const networkName = `${project}_default`;
  const networks = (await host.networks.all()).filter(({ name }) => name === networkName);
  assertOwn(networks, migrationId, 'network');
  if (networks.length === 0) {
    const id = newId();
    await created({ networks: [id] });
    await host.networks.put({ id, name: networkName, project, migration_id: migrationId });
  }
  const existing = (await host.containers.all()).filter((record) => record.project === project);
  assertOwn(existing, migrationId, 'container');
  for (const service of new Set([...services, ...one_shots])) {
    const spec = file.services[service];
    if (!spec) throw new StackferryError('compose_failed', `The stack file has no service "${service}".`);
    if (existing.some((record) => record.service === service)) continue;
    const record = newContainer({ project, service, spec, directory: target_dir, migrationId });
    await created({ containers: [record.id] });
    await host.containers.put({ ...record, policy: off });
  }
}

/** Records missing containers again, restart policies off, none started. */
export async function recreateGone(
  host: HostRoot,
  { project, target_dir }: Deployment,
  prior: ContainerPrior[],
): Promise<void> {
  const there = (await host.containers.all()).filter((record) => record.project === project);
  const gone = prior.filter(({ name }) => !there.some((record) => record.name === name));
  if (gone.length === 0) return;
  const file = await readStackFile(target_dir);
  for (const { service } of gone) {
    const spec = file.services[service];
    if (!spec) throw new StackferryError('compose_failed', `The stack file has no service "${service}".`);
    const record = newContainer({ project, service, spec, directory: target_dir, migrationId: null });
    await host.containers.put({ ...record, policy: off });
  }
}

export function newContainer(options: {
  project: string;
  service: string;
  spec: ServiceFile;
  directory: string;
  migrationId: string | null;
}): ContainerRecord {
  const { project, service, spec, directory, migrationId } = options;
  return {
    id: newId(),
    name: `${project}-${service}-1`,
    project,
    service,
    working_dir: directory,
    spec,
    policy: policyOf(spec),
    restart_count: 0,
    wanted: false,
    run: null,
    migration_id: migrationId,
  };
}

export async function startInOrder(host: HostRoot, ids: string[], signal: AbortSignal): Promise<void> {
  const records = await recordsOf(host, ids);
  const specs = Object.fromEntries(records.map(({ service, spec }) => [service, spec]));
  for (const service of startOrder(specs)) {
    for (const record of records.filter((candidate) => candidate.service === service)) {
      signal.throwIfAborted();
      await startContainer(host, record.id);
    }
  }
}

/** Filters out containers that were stopped before the move. */
export async function ranBefore(host: HostRoot, { before }: Deployment, ids: string[]): Promise<string[]> {
  const stopped = before.filter(({ state }) => state === 'stopped').map(({ service }) => service);
  return (await recordsOf(host, ids)).filter(({ service }) => !stopped.includes(service)).map(({ id }) => id);
}

/** Sets the file's restart policies; starts what is not a job and does not run. */
export async function armStack(host: HostRoot, ids: string[], wanted: string[], signal: AbortSignal): Promise<void> {
  for (const record of await recordsOf(host, ids)) {
    await changeContainer(host, record.id, { policy: policyOf(record.spec) });
  }
  const daemons = (await recordsOf(host, wanted)).filter(({ spec }) => !spec.one_shot);
  await startInOrder(
    host,
    daemons.map(({ id }) => id),
    signal,
  );
}

export async function disarmContainers(host: HostRoot, ids: string[]): Promise<void> {
  for (const id of ids) await changeContainer(host, id, { policy: off });
}

/** Skips ids without a record. */
export async function recordsOf(host: HostRoot, ids: string[]): Promise<ContainerRecord[]> {
  const found = await Promise.all(ids.map((id) => host.containers.find(id)));
  return found.filter((record) => record !== null);
}

/** Hash of a service, to detect that the file has changed since a container was created. */
export function specHash(spec: ServiceFile): string {
  return createHash('sha256').update(JSON.stringify(spec)).digest('hex');
}

export function policyOf({ restart }: ServiceFile): ContainerRecord['policy'] {
  return { name: restart, maximum_retry_count: 0 };
}

/** F47: another stack of that name keeps its containers. */
function assertOwn(found: { name: string; migration_id: string | null }[], migrationId: string, what: string): void {
  const foreign = found.find((object) => object.migration_id !== migrationId);
  if (foreign)
    throw new StackferryError(
      'resource_taken',
      `A ${what} named "${foreign.name}" exists on this host and is left alone.`,
    );
}

export function newId(): string {
  return randomBytes(32).toString('hex');
}

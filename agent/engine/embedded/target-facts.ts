import { lstat } from 'node:fs/promises';
import { join } from 'node:path';
import { diskOf } from '../../../node/resources.ts';
import type { StackFacts } from '../../../schema/facts.ts';
import type { TargetFacts } from '../../../schema/target-facts.ts';
import { runsNow } from './containers.ts';
import type { HostRoot } from './host-root.ts';
import { allVolumes, findVolume, projectLabel } from './volume-store.ts';

/** Images are only names; any other name is unknown to this engine. */
const knownImages = /^embedded\//;

export async function checkTarget(host: HostRoot, stack: StackFacts, allow: readonly string[]): Promise<TargetFacts> {
  const path = join(host.stacks, stack.project);
  const taken = await lstat(path).then(
    () => true,
    (error: NodeJS.ErrnoException) => (error.code === 'ENOENT' ? false : null),
  );
  const volumes = await Promise.all(
    stack.volumes.map(async ({ name, external }) => ({ name, external, record: await findVolume(host, name) })),
  );
  const references = [...new Set(stack.services.map(({ image }) => image.reference))];
  return {
    project_path: path,
    images: references.map((reference) =>
      knownImages.test(reference)
        ? { reference, state: 'present', detail: 'the embedded engine needs no image', layers_present: 0 }
        : {
            reference,
            state: 'not_found',
            detail: 'the embedded engine only knows images that begin with "embedded/"',
            layers_present: 0,
          },
    ),
    ports_taken: await portsTaken(host, stack),
    addresses_absent: [],
    network_obstacles: [],
    project_resources: await resourcesOf(host, stack.project),
    names_taken: [],
    volumes_taken: volumes.flatMap(({ name, external, record }) =>
      record && !external ? [{ name, migration_id: record.migration_id }] : [],
    ),
    path: {
      free: taken === null ? null : !taken,
      detail: taken ? `${path} exists.` : `${path} is free.`,
      free_bytes: (await diskOf(host.root)).free_bytes,
    },
    networks_absent: [],
    attaches_anonymous: true,
    network_differences: null,
    registry_logins: false,
    option_volumes: false,
    joined_absent: [],
    external_volumes_absent: volumes.flatMap(({ name, external, record }) => (external && !record ? [name] : [])),
    devices_absent: stack.services.flatMap(({ devices }) => devices),
    powers_refused: stack.services.flatMap(({ name, powers }) =>
      powers.filter(({ power }) => !allow.includes(power)).map((asked) => ({ service: name, ...asked })),
    ),
    allow_line: null,
    permissions_fault: null,
    keys_refused: [],
    bind_mounts: stack.bind_mounts
      .filter(({ inside_project }) => !inside_project)
      .map(({ source }) => ({ path: source, exists: false })),
    bind_places: [],
    compose_compatible: { ok: true, detail: 'the embedded engine reads its own stack files' },
  };
}

/**
 * Uses this host's own records: two embedded hosts on one machine share its network, and the source, which still
 * listens, must not count as a conflict on the target.
 */
async function portsTaken(host: HostRoot, stack: StackFacts): Promise<NonNullable<TargetFacts['ports_taken']>> {
  const wanted = new Set(
    stack.services.flatMap(({ ports }) => ports.map(({ port, protocol }) => `${port}/${protocol}`)),
  );
  const taken: { name: string; by: string }[] = [];
  for (const record of await host.containers.all()) {
    const own = record.spec.ports.map((port) => `${port}/tcp`).filter((port) => wanted.has(port));
    if (own.length > 0 && (await runsNow(host, record))) taken.push(...own.map((name) => ({ name, by: record.name })));
  }
  return taken;
}

async function resourcesOf(host: HostRoot, project: string): Promise<{ name: string; by: string }[]> {
  const of = (kind: string) => (found: { name: string }) => ({
    name: found.name,
    by: `a ${kind} of a project "${project}"`,
  });
  const ours = (found: { project: string }) => found.project === project;
  return [
    ...(await host.containers.all()).filter(ours).map(of('container')),
    ...(await host.networks.all()).filter(ours).map(of('network')),
    ...(await allVolumes(host)).filter(({ labels }) => labels[projectLabel] === project).map(of('volume')),
  ];
}

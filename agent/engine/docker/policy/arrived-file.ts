import type { Deployment } from '../../../../schema/deployment.ts';
import { StackferryError } from '../../../../schema/errors.ts';
import { boundDevice } from '../../../../schema/option-mounts.ts';
import { fileReferences, noReferences } from '../../../compose/file-references.ts';
import { type ComposeModel, emptyModel } from '../../../compose/model.ts';
import { readModel } from '../../../compose/project.ts';
import { unknownKeys } from '../../../compose/service-keys.ts';
import { remedy } from '../../../permissions/permissions.ts';
import { realOf } from '../../../real-path.ts';
import type { DockerContext } from '../context.ts';
import { projectOn } from '../stack/deployment.ts';
import { privilegesOf } from './privileges.ts';
import { filesBeyond } from './project-files.ts';
import { volumesAsHere } from './volumes-as-here.ts';

/**
 * Checks the received files before anything is created from them. The pre-flight judged the source's own report, and
 * root there can report anything: it must not become root here (B36, B38). Symbolic links count as what they lead to on
 * this host. `source`: the host that proved to have sent them; null if none did. Returns Compose's model; throws
 * `policy_refused`.
 */
export async function assertArrivedAllowed(
  context: Pick<DockerContext, 'api' | 'dockerBinary' | 'socketPath' | 'permissions' | 'allowKeys' | 'ownPaths'>,
  deployment: Deployment,
  source: string | null,
  signal: AbortSignal,
): Promise<ComposeModel> {
  const compose = { binary: context.dockerBinary, socketPath: context.socketPath };
  const project = projectOn(deployment);
  // Each check before the next file is read: Compose gives a container any file it names, wherever that is.
  await assertNothingBeyond(project, noReferences, emptyModel);
  const references = await fileReferences(compose, project, deployment.services, signal);
  if (references.remote.length > 0) throw refused(`it includes ${references.remote.join(', ')}`);
  await assertNothingBeyond(project, references, emptyModel);
  const model = await readModel(compose, project, signal, deployment.services);
  await assertNothingBeyond(project, references, model);
  const unknown = Object.entries(model.services).flatMap(([service, { keys }]) =>
    unknownKeys({ keys }, context.allowKeys).map((key) => `${key} of service ${service}`),
  );
  if (unknown.length > 0) throw refused(`this agent does not know ${unknown.join(', ')}`);
  const host = { directory: await realOf(project.directory), own: await context.ownPaths() };
  const judged = await withRealPaths(await volumesAsHere(context.api, model, deployment.project));
  const asked = [...privilegesOf(judged, host)].flatMap(([service, powers]) =>
    powers.map((power) => ({ service, ...power })),
  );
  const permitted = await context.permissions.of({ project: deployment.project, source });
  const beyond = asked.filter((one) => !permitted.has(one));
  if (beyond.length > 0) {
    const words = beyond.map(({ service, power, detail }) => `${service} asks for ${power} (${detail})`);
    throw refused(words.join(', '), remedy(permitted, beyond));
  }
  return model;
}

async function assertNothingBeyond(...asked: Parameters<typeof filesBeyond>): Promise<void> {
  const beyond = await filesBeyond(...asked);
  if (beyond.length > 0) throw refused(`it uses ${beyond.join(', ')} of this host`);
}

async function withRealPaths(model: ComposeModel): Promise<ComposeModel> {
  const services = await Promise.all(
    Object.entries(model.services).map(async ([name, service]) => {
      const volumes = (service.volumes ?? []).map(async (mount) =>
        mount.type === 'bind' && mount.source ? { ...mount, source: await realOf(mount.source) } : mount,
      );
      return [name, { ...service, volumes: await Promise.all(volumes) }] as const;
    }),
  );
  const volumes = await Promise.all(
    Object.entries(model.volumes).map(async ([key, volume]) => {
      const device = volume && boundDevice({ driver: volume.driver, options: volume.driver_opts ?? {} });
      const real = device && { ...volume, driver_opts: { ...volume.driver_opts, device: await realOf(device) } };
      return [key, real || volume] as const;
    }),
  );
  return { ...model, services: Object.fromEntries(services), volumes: Object.fromEntries(volumes) };
}

const refused = (why: string, advice = '') =>
  new StackferryError('policy_refused', `This host refuses the compose file that arrived: ${why}.${advice}`);

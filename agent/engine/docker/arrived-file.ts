import type { Deployment } from '../../../schema/agent-protocol.ts';
import { StackferryError } from '../../../schema/errors.ts';
import { fileReferences, noReferences } from '../../compose/file-references.ts';
import { type ComposeModel, emptyModel } from '../../compose/model.ts';
import { readModel } from '../../compose/project.ts';
import { realOf } from '../../real-path.ts';
import type { DockerContext } from './context.ts';
import { projectOn } from './deployment.ts';
import { powersOf } from './powers.ts';
import { filesBeyond } from './project-files.ts';

/**
 * Judges the files that arrived, before anything is made of them. The pre-flight judged what the source said of itself,
 * and whoever is root there can say anything: it must not make him root here (B36, B38). Symbolic links count as what
 * they lead to on this host. Resolves to what Compose makes of them; throws `policy_refused`.
 */
export async function assertArrivedAllowed(
  context: Pick<DockerContext, 'dockerBinary' | 'socketPath' | 'allow' | 'ownPaths'>,
  deployment: Deployment,
  signal: AbortSignal,
): Promise<ComposeModel> {
  const compose = { binary: context.dockerBinary, socketPath: context.socketPath };
  const project = projectOn(deployment);
  // Each before the next is read: Compose gives a container what its files name, wherever that is.
  await assertNothingBeyond(project, noReferences, emptyModel);
  const references = await fileReferences(compose, project, deployment.services, signal);
  if (references.remote.length > 0) throw refused(`it includes ${references.remote.join(', ')}`);
  await assertNothingBeyond(project, references, emptyModel);
  const model = await readModel(compose, project, signal, deployment.services);
  await assertNothingBeyond(project, references, model);
  const host = { directory: await realOf(project.directory), own: await context.ownPaths() };
  const asked = [...powersOf(await withRealPaths(model), host)].flatMap(([service, powers]) =>
    powers.map((power) => ({ service, ...power })),
  );
  const beyond = asked.filter(({ power }) => !context.allow.includes(power));
  if (beyond.length > 0)
    throw refused(beyond.map(({ service, power, detail }) => `${service} asks for ${power} (${detail})`).join(', '));
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
  return { ...model, services: Object.fromEntries(services) };
}

const refused = (why: string) =>
  new StackferryError('policy_refused', `This host refuses the compose file that arrived: ${why}.`);

import { resolve } from 'node:path';
import type { Deployment } from '../../../schema/agent-protocol.ts';
import { StackferryError } from '../../../schema/errors.ts';
import type { ComposeProject } from '../../compose/arguments.ts';
import type { ComposeModel } from '../../compose/model.ts';
import { isInside, readModel } from '../../compose/project.ts';
import { realOf } from '../../real-path.ts';
import type { DockerContext } from './context.ts';
import { projectOn } from './deployment.ts';
import { powersOf } from './powers.ts';
import { envFilesOf, filesNamed, remoteIncludes } from './project-files.ts';

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
  // Before Compose is let near them: it fetches what a file includes.
  await assertNothingBeyond(project, [...project.configFiles, ...envFilesOf(project)]);
  const remote = await remoteIncludes(project.configFiles);
  if (remote.length > 0) throw refused(`it includes ${remote.join(', ')}`);
  const [model, names] = await Promise.all([
    readModel(compose, project, 'values', signal, deployment.services),
    readModel(compose, project, 'names', signal),
  ]);
  await assertNothingBeyond(project, filesNamed(names, Object.keys(model.services)));
  const host = { directory: await realOf(project.directory), own: await context.ownPaths() };
  const asked = [...powersOf(await withRealPaths(model), host)].flatMap(([service, powers]) =>
    powers.map((power) => ({ service, ...power })),
  );
  const beyond = asked.filter(({ power }) => !context.allow.includes(power));
  if (beyond.length > 0)
    throw refused(beyond.map(({ service, power, detail }) => `${service} asks for ${power} (${detail})`).join(', '));
  return model;
}

async function assertNothingBeyond({ directory }: ComposeProject, files: string[]): Promise<void> {
  const root = await realOf(directory);
  const real = await Promise.all(
    files.map(async (file) => ({ file, leadsTo: await realOf(resolve(directory, file)) })),
  );
  const beyond = real.filter(({ leadsTo }) => !isInside(root, leadsTo));
  if (beyond.length > 0) throw refused(`it uses ${beyond.map(({ file }) => file).join(', ')} of this host`);
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

import type { StackImage } from '../../../../schema/facts.ts';
import type { ComposeModel } from '../../../compose/model.ts';
import type { DockerApi } from '../api.ts';
import type { DockerContext } from '../context.ts';
import { findImage, stackImageOf } from '../images/images.ts';
import { projectPaths } from '../path-maps/project-paths.ts';
import { type Container, inspectProject, serviceOf } from '../stack/containers.ts';
import { builtName } from './drift/drift.ts';
import { projectOrigin } from './project-origin.ts';
import { readProject } from './project-reading.ts';

/** The images of a stack's services, as its facts have them. */
export async function stackImages(context: DockerContext, name: string, signal: AbortSignal): Promise<StackImage[]> {
  const { api } = context;
  const containers = await inspectProject(api, name);
  const compose = { binary: context.dockerBinary, socketPath: context.socketPath };
  const origin = await projectOrigin(name, containers, projectPaths(context));
  const { model } = await readProject(compose, origin, containers, signal, context.own);
  const services = [...Map.groupBy(containers, serviceOf)];
  return Promise.all(services.map(([service, own]) => serviceImage(api, name, service, own, model)));
}

/** What the name in the file means now, or what runs under a name that is lost. */
export async function serviceImage(
  api: DockerApi,
  project: string,
  name: string,
  [first]: Container[],
  model: ComposeModel,
): Promise<StackImage> {
  const service = model.services[name];
  const built = service?.build === undefined ? undefined : builtName(project, name);
  const reference = service?.image ?? built ?? first?.Config.Image ?? '';
  return stackImageOf(api, reference, (await findImage(api, reference))?.Id ?? first?.Image ?? '');
}
